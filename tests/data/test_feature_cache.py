"""What is kept is found again and nothing else is encoded, whatever happened to the files meanwhile."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian import progress_bar
from steradian.data import feature_cache
from steradian.data.feature_cache import FeatureCache, cache_folder

RECORD = 32 + 3 * 4 + 4


def digest_of(item: str) -> bytes:
    return sha256(item.encode()).digest()


def features_of(item: str) -> np.ndarray:
    """Three numbers that follow from the item alone."""
    return np.frombuffer(sha256(item.encode()).digest()[:3], dtype=np.uint8).astype(np.float32) / 7


class Encoder:
    """Counts what it is asked for; may fail from some batch on."""

    def __init__(self, items: Sequence[str], *, fail_at: int | None = None) -> None:
        self.items, self.fail_at = items, fail_at
        self.encoded: list[str] = []
        self.batches = 0

    def __call__(self, numbers: np.ndarray) -> np.ndarray:
        if self.batches == self.fail_at:
            raise KeyboardInterrupt
        self.batches += 1
        self.encoded += [self.items[number] for number in numbers]
        return np.stack([features_of(self.items[number]) for number in numbers])


def run(folder: Path, items: Sequence[str], *, batch_size: int = 2, cache: FeatureCache | None = None) -> list[str]:
    """Check the features of these items; the items that had to be encoded."""
    encoder = Encoder(items)
    found = (cache or FeatureCache(folder)).features([digest_of(i) for i in items], encoder, batch_size=batch_size)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.stack([features_of(item) for item in items]))
    return encoder.encoded


def shard(folder: Path) -> Path:
    (path,) = folder.glob("*.features")
    return path


ITEMS = [f"item {number}" for number in range(7)]


def test_each_distinct_item_is_encoded_once_ever(tmp_path: Path) -> None:
    assert run(tmp_path, ["b", "a", "b", "c", "a"]) == ["b", "a", "c"]
    assert run(tmp_path, ["c", "d", "a", "a"]) == ["d"]
    assert run(tmp_path, ["a", "b", "c", "d"]) == []


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1), st.lists(st.sampled_from("abcdefgh"), min_size=1))
def test_neither_order_nor_batches_matter(first: list[str], second: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "made", "when needed")
        assert run(folder, first, batch_size=3) == list(dict.fromkeys(first))
        assert run(folder, second, batch_size=1) == [item for item in dict.fromkeys(second) if item not in first]


@given(st.integers(0, len(ITEMS) * RECORD))
def test_a_shard_cut_off_anywhere_loses_what_was_cut_and_no_more(size: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(folder, ITEMS)
        os.truncate(shard(folder), size)
        assert run(folder, ITEMS) == ITEMS[size // RECORD :]
        assert run(folder, ITEMS) == []


@given(st.integers(0, len(ITEMS) * RECORD - 1), st.integers(1, 255))
def test_a_damaged_byte_costs_its_record(place: int, change: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(folder, ITEMS)
        content = bytearray(shard(folder).read_bytes())
        content[place] ^= change
        shard(folder).write_bytes(content)
        assert run(folder, ITEMS) == [ITEMS[place // RECORD]]
        assert run(folder, ITEMS) == []


def test_zeros_that_a_crash_left_are_no_records(tmp_path: Path) -> None:
    run(tmp_path, ITEMS[:3])
    with shard(tmp_path).open("ab") as file:
        file.write(bytes(5 * RECORD + 3))
    cache = FeatureCache(tmp_path)
    encoder = Encoder(["zeros"])
    found = cache.features([bytes(32)], encoder, batch_size=1)
    np.testing.assert_array_equal(found[0], features_of("zeros"))
    assert run(tmp_path, ITEMS) == ITEMS[3:]


def test_an_interruption_loses_one_batch(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        FeatureCache(tmp_path).features([digest_of(i) for i in ITEMS], Encoder(ITEMS, fail_at=2), batch_size=2)
    assert run(tmp_path, ITEMS) == ITEMS[4:]


def test_two_writers_at_once_find_each_others_items_later(tmp_path: Path) -> None:
    first, second = FeatureCache(tmp_path), FeatureCache(tmp_path)
    items = ITEMS[:4]
    between: list[str] = []

    def encode(numbers: np.ndarray) -> np.ndarray:
        if numbers[0] == 2:
            between.extend(run(tmp_path, ITEMS[1:6], cache=second))
        return np.stack([features_of(items[number]) for number in numbers])

    first.features([digest_of(item) for item in items], encode, batch_size=2)
    # The second found what the first had written by then, and encoded the rest for itself.
    assert between == ITEMS[2:6]
    assert run(tmp_path, ITEMS, cache=first) == ITEMS[6:]
    assert run(tmp_path, ITEMS, cache=second) == []
    assert len(list(tmp_path.iterdir())) == 2


def test_a_writer_appends_to_its_own_shard(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    for item in ITEMS:
        assert run(tmp_path, [item], cache=cache) == [item]
    assert shard(tmp_path).stat().st_size == len(ITEMS) * RECORD


WRITER = """
import os, runpy, signal, sys
from hashlib import sha256
from pathlib import Path
import numpy as np

# The file alone: importing the package would take most of the test's time.
FeatureCache = runpy.run_path(sys.argv[3])["FeatureCache"]
folder, start = Path(sys.argv[1]), int(sys.argv[2])
items = [f"item {number}" for number in range(start, start + 60)]
batches = []

def encode(numbers):
    if len(batches) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    batches.append(numbers)
    digests = [sha256(items[number].encode()).digest() for number in numbers]
    return np.stack([np.frombuffer(digest[:3], dtype=np.uint8) / np.float32(7) for digest in digests])

FeatureCache(folder).features([sha256(item.encode()).digest() for item in items], encode, batch_size=10)
"""


def test_processes_killed_side_by_side_leave_whole_batches(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path, start, feature_cache.__file__], stderr=subprocess.PIPE
        )
        for start in ("0", "100")
    ]
    for process in processes:
        assert process.communicate()[1] == b""
        assert process.returncode == -signal.SIGKILL
    items = [f"item {number}" for start in (0, 100) for number in range(start, start + 60)]
    assert run(tmp_path, items) == items[40:60] + items[100:120]


def test_a_process_forked_off_writes_its_own_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = FeatureCache(tmp_path)
    run(tmp_path, ["a"], cache=cache)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    run(tmp_path, ["b"], cache=cache)
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [RECORD, RECORD]


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    strangers = {"notes.features": b"not ours", "3-.features": b"", "3-00.features": b"", "README": b"x"}
    for name, content in strangers.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "3-11.features").mkdir()
    (tmp_path / "9-22.features").write_bytes(bytes(1000))
    assert run(tmp_path, ITEMS) == ITEMS
    assert run(tmp_path, ITEMS) == []
    assert {name: (tmp_path / name).read_bytes() for name in strangers} == strangers


def test_shards_removed_meanwhile_are_encoded_again(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    run(tmp_path, ITEMS, cache=cache)
    assert run(tmp_path, ITEMS, cache=cache) == []
    shard(tmp_path).unlink()
    assert run(tmp_path, ITEMS, cache=cache) == ITEMS
    assert run(tmp_path, ITEMS) == []


def test_a_folder_that_cannot_be_made_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = FeatureCache(tmp_path / "file" / "folder")
    with pytest.warns(UserWarning, match="Set STERADIAN_CACHE to a folder that can be written to") as told:
        assert run(tmp_path, ITEMS, cache=cache) == ITEMS
    assert len(told) == 1
    assert run(tmp_path, ITEMS, cache=cache) == ITEMS


def test_no_item_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one item"):
        FeatureCache(tmp_path).features([], Encoder([]), batch_size=2)


def test_where_features_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STERADIAN_CACHE", raising=False)
    monkeypatch.setenv("HOME", "/somewhere")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == Path("/somewhere/.cache/steradian/features")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path("/somewhere/.cache/steradian/features")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_folder() == Path("/elsewhere/steradian/features")
    monkeypatch.setenv("STERADIAN_CACHE", "~/own")
    assert cache_folder() == Path("/somewhere/own/features")


def test_what_takes_long_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, ITEMS)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(progress_bar, "SECONDS_BETWEEN_LINES", -1.0)
    run(tmp_path, ["x", "y", "z"])
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.splitlines() == [
        "encoding: 2 of 3, 0 s left",
        "encoding: 3 of 3, 0 s left",
    ]
    monkeypatch.setattr(feature_cache, "SECONDS_BEFORE_BAR", -1.0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    run(tmp_path, ["u", "v"])
    shown = capsys.readouterr()
    assert shown.out == "" and "encoding" in shown.err and "s left" not in shown.err


@pytest.mark.timeout(20)
def test_strange_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    items = ["a", "b", "c"]
    run(tmp_path, items)
    for name in (
        "0-ab.features",
        f"{'9' * 30}-ab.features",
        "٣-ab.features",
        "3-xyz.features",
        "note.features",
        "a.txt",
    ):
        (tmp_path / name).write_bytes(bytes(range(256)) * 9)
    (tmp_path / "3-ab.features").mkdir()
    os.mkfifo(tmp_path / "3-cd.features")
    (tmp_path / "3-ef.features").symlink_to("nowhere")
    (tmp_path / "3-aa.features").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "5-bb.features").write_bytes(bytes(range(256)) * 9)
    # A shard of the same items by an encoder of another length.
    other = np.zeros(3, dtype=feature_cache._record(4))
    records = feature_cache._records(
        np.stack([np.frombuffer(digest_of(item), np.uint8) for item in items]), other["features"]
    )
    (tmp_path / "4-ff.features").write_bytes(records.tobytes())
    (own,) = (path for path in tmp_path.glob("3-*.features") if len(path.name) > 20)
    own.rename(tmp_path / "3-00.features")
    assert run(tmp_path, items) == []
