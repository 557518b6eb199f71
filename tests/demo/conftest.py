"""Made-up emoji, so that the demo's tests need no package of the extra [demo]."""

import numpy as np
import pytest

from steradian.demo.emoji import ARTISTS, LANGUAGES, Emoji


@pytest.fixture
def shapes() -> list[Emoji]:
    """Forty blots of color; an artist adds some noise, a language its own first letters."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(40):
        blot = np.kron(rng.integers(0, 200, (3, 3, 3)), np.ones((24, 24, 1), dtype=np.int64))
        drawings = {artist: (blot + rng.integers(0, 50, blot.shape)).astype(np.uint8) for artist in ARTISTS}
        names = {language: f"{language}{language} {'abcdefgh'[number % 8] * 4}{number}" for language in LANGUAGES}
        made.append(Emoji(chr(0x4E00 + number), names, drawings))
    return made
