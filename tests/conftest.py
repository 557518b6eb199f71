"""What tests share: seeded random numbers, the same examples on every run, a parser of pages and a browser."""

import hashlib
import importlib.util
import json
import random
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings

from steradian.saved_files import with_digests

settings.register_profile("steradian", derandomize=True, deadline=None, database=None)
settings.load_profile("steradian")


FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
]
VOID = {"meta", "img", "br", "path", "circle", "input", "link"}


class Elements(HTMLParser):
    """Collects start tags with their attributes, the tags that are still open, and the visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(str(page))  # HTML of a template escapes what is added to it

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in {"script", "style"}:
            self.text += data

    def found(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]


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


@pytest.fixture(scope="session")
def sign() -> Callable[..., None]:
    """Writes the JSON file of a saved folder with the checksums of what is there, as a stranger can."""

    def write(path: Path, **changed: Any) -> None:
        entries = json.loads(path.read_bytes().decode("utf-8", "surrogatepass")) | changed
        entries = {key: value for key, value in entries.items() if value is not ...}
        arrays = next(iter(path.parent.glob("*.safetensors")), None)
        found = hashlib.sha256(arrays.read_bytes()).hexdigest() if arrays is not None and arrays.is_file() else None
        path.write_text(json.dumps(with_digests(entries, found)))

    return write


@pytest.fixture(scope="session")
def elements() -> type[Elements]:
    return Elements


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed")
    from playwright.sync_api import Error, sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=program, args=FLAGS)
        except Error as error:
            pytest.skip(f"there is no Chromium: {str(error).splitlines()[0]}")
        yield opened
        opened.close()
