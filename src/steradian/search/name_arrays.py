"""Ids and labels as arrays of numbers, as a safetensors file holds them: a million of them are read at once.

Text is one run of UTF-8 and the places, counted in characters, at which each name ends.
"""

from collections.abc import Mapping
from itertools import chain

import numpy as np

from steradian.data.columns import to_objects
from steradian.data.label_sets import are_several

__all__ = ["are_different", "from_arrays", "to_arrays"]

_TEXT, _ENDS, _NUMBERS, _DIGITS = "text", "ends", "numbers", "digits"
_SIZES, _EACH = "sizes", "each"
_UTF32 = "utf-32-le"


def to_arrays(names: np.ndarray, *, key: str) -> dict[str, np.ndarray]:
    """Arrays that say the same as names.

    Args:
        names: text, integers or booleans [rows], or tuples of them.
        key: what the arrays' names begin with.

    Examples:
        >>> {key: array.tolist() for key, array in to_arrays(np.array(["ox", "cat"]), key="ids").items()}
        {'ids/text': [111, 120, 99, 97, 116], 'ids/ends': [2, 5]}
    """
    if are_several(names):
        flat = [*chain.from_iterable(names)]
        each = np.array(flat) if flat else np.zeros(0, np.int64)
        return {f"{key}/{_SIZES}": np.array([*map(len, names)], np.int64), **to_arrays(each, key=f"{key}/{_EACH}")}
    if names.dtype == object:
        # Integers beyond 64 bits.
        return to_arrays(names.astype(str), key=f"{key}/{_DIGITS}")
    if names.dtype.kind != "U":
        return {f"{key}/{_NUMBERS}": np.ascontiguousarray(names)}
    lengths = np.strings.str_len(names)
    characters = _characters(names)
    used = characters[np.arange(characters.shape[1]) < lengths[:, None]]
    text = used.astype("<u4").tobytes().decode(_UTF32, "surrogatepass").encode("utf-8", "surrogatepass")
    return {f"{key}/{_TEXT}": np.frombuffer(text, np.uint8), f"{key}/{_ENDS}": np.cumsum(lengths, dtype=np.int64)}


def from_arrays(arrays: Mapping[str, np.ndarray], *, key: str, rows: int) -> np.ndarray:
    """The names that `to_arrays` made arrays of; nothing in these is trusted.

    Args:
        arrays: by name, maybe others too.
        key: what the names of the arrays begin with.
        rows: how many names there are.

    Raises:
        ValueError: arrays that are absent, or of another type or shape, ends that fall or miss the text, no UTF-8.

    Examples:
        >>> from_arrays(to_arrays(np.array(["ox", "cat"]), key="ids"), key="ids", rows=2).tolist()
        ['ox', 'cat']
    """
    if (sizes := arrays.get(f"{key}/{_SIZES}")) is not None:
        if sizes.shape != (rows,) or sizes.dtype != np.int64 or (sizes < 0).any():
            raise ValueError(f"{key} of sizes of type {sizes.dtype} and shape {list(sizes.shape)}")
        each = from_arrays(arrays, key=f"{key}/{_EACH}", rows=int(sizes.sum())).tolist()
        ends = sizes.cumsum().tolist()
        return to_objects(tuple(each[end - size : end]) for end, size in zip(ends, sizes.tolist(), strict=True))
    if (numbers := arrays.get(f"{key}/{_NUMBERS}")) is not None:
        if numbers.shape != (rows,) or numbers.dtype.kind not in "biu":
            raise ValueError(f"{key} of type {numbers.dtype} and shape {list(numbers.shape)}")
        return numbers
    if f"{key}/{_DIGITS}/{_TEXT}" in arrays:
        digits = from_arrays(arrays, key=f"{key}/{_DIGITS}", rows=rows)
        return np.array([int(name) for name in digits.tolist()], dtype=object)
    text, ends = arrays.get(f"{key}/{_TEXT}"), arrays.get(f"{key}/{_ENDS}")
    if text is None or ends is None:
        raise ValueError(f"no {key}")
    if text.dtype != np.uint8 or text.ndim != 1 or ends.dtype != np.int64 or ends.shape != (rows,):
        got = f"{text.dtype} {list(text.shape)} and {ends.dtype} {list(ends.shape)}"
        raise ValueError(f"{key} of types and shapes {got}")
    used = np.frombuffer(text.tobytes().decode("utf-8", "surrogatepass").encode(_UTF32, "surrogatepass"), "<u4")
    lengths = np.diff(ends, prepend=0)
    if rows and ((ends < 0).any() or (lengths < 0).any() or ends[-1] != len(used)):
        raise ValueError(f"{key} whose ends do not fit their text")
    width = max(1, int(lengths.max(initial=0)))
    try:
        characters = np.zeros((rows, width), dtype=np.uint32)
        characters[np.arange(width) < lengths[:, None]] = used
    except MemoryError as error:
        raise ValueError(f"{key} of {width} characters") from error
    return characters.view(f"U{width}")[:, 0]


def are_different(names: np.ndarray) -> bool:
    """Whether no name stands twice.

    Args:
        names: text, integers or booleans [rows].

    Examples:
        >>> are_different(np.array(["ox", "cat"])), are_different(np.array([1, 2, 1]))
        (True, False)
    """
    ordered = names
    if names.dtype.kind == "U":
        # Sorting text is slow. Names with different sums are different; else all are compared.
        characters = _characters(names)
        weights = np.random.default_rng(0).integers(2**63, size=(characters.shape[1],), dtype=np.uint64)
        sums = np.zeros(len(names), dtype=np.uint64)
        for place in range(characters.shape[1]):
            sums += characters[:, place] * weights[place]
        ordered = sums
    ordered = np.sort(ordered)
    if (ordered[1:] != ordered[:-1]).all():
        return True
    return len(set(names.tolist())) == len(names)


def _characters(names: np.ndarray) -> np.ndarray:
    """The code points of text, zeros behind it, uint32 [rows, longest]."""
    native = np.ascontiguousarray(names, dtype=names.dtype.newbyteorder("="))
    return native.view(np.uint32).reshape(len(names), -1)
