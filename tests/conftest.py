"""What every test shares: seeded random numbers, and hypothesis trying the same examples on every run."""

import random

import numpy as np
import pytest
import torch
from hypothesis import settings

settings.register_profile("steradian", derandomize=True, deadline=None, database=None)
settings.load_profile("steradian")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Every test starts from the same state of the global generators, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator."""
    return np.random.default_rng(0)
