"""Only regular files are opened, at once, and no larger than said."""

import gzip
import os
import socket
from pathlib import Path

import pytest

from steradian.data.regular_files import open_regular, open_unpacked, read_regular


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("a")
    assert read_regular(tmp_path / "a", most=3) == b"abc"
    assert read_regular(str(tmp_path / "link"), most=3) == b"abc"
    with open_regular(tmp_path / "a") as file:
        assert file.read(2) == b"ab"


def test_a_packed_file_is_unpacked_by_its_name(tmp_path: Path) -> None:
    for name, content in (("a.gz", gzip.compress(b"abc")), ("a", b"abc")):
        (tmp_path / name).write_bytes(content)
        with open_unpacked(tmp_path / name) as file:
            assert file.read() == b"abc"


def test_a_larger_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match=r"1,099,511,627,776 bytes, more than 1,024"):
        read_regular(tmp_path / "a", most=1024)


@pytest.mark.timeout(10)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)
        server.bind("socket")
        for path, kind in [
            ("pipe", "a pipe"),
            ("socket", "a socket"),
            ("/dev/zero", "a device"),
            ("/dev/full", "a device"),
        ]:
            with pytest.raises(OSError, match=kind):
                read_regular(path, most=1 << 20)
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")


@pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="no /proc")
def test_a_file_that_the_system_makes_up_is_refused() -> None:
    with pytest.raises(OSError, match="an empty file"):
        read_regular("/proc/self/maps", most=1 << 20)
