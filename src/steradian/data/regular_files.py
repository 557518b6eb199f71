"""Only regular files are opened: a pipe would wait for ever, a device has no end."""

import errno
import gzip
import io
import os
import stat
from pathlib import Path
from typing import IO, cast

__all__ = ["EmptyFileError", "open_regular", "open_unpacked", "read_regular"]

KINDS = {
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


class EmptyFileError(OSError):
    """A file says that it holds nothing."""


def open_regular(path: str | Path, *, most: int | None = None) -> io.BufferedReader:
    """A regular file opened for reading bytes, without waiting.

    Args:
        path: of the file; links are followed.
        most: its bytes at most; None: any number.

    Raises:
        OSError: there is none, or it is a folder, a pipe, a socket or a device, or empty, or larger.

    Examples:
        >>> open_regular("/dev/null")
        Traceback (most recent call last):
        OSError: [Errno 22] a device, not a file
    """
    # Opening a pipe waits for its writer, and a terminal may become this process's own, unless told not to.
    flags = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    try:
        number = os.open(Path(path), os.O_RDONLY | flags)
    except OSError as error:
        # A socket cannot be opened at all.
        if error.errno == errno.ENXIO:
            raise OSError(errno.EINVAL, "a socket or a device, not a file") from error
        raise
    mistake = _mistake(os.fstat(number), most)
    if mistake is not None:
        os.close(number)
        raise mistake
    return os.fdopen(number, "rb")


def open_unpacked(path: Path) -> IO[bytes]:
    """A regular file opened for reading bytes, unpacked if its name ends in .gz.

    Args:
        path: of the file.

    Raises:
        OSError: as of `open_regular`; later also where what is packed is damaged.

    Examples:
        >>> open_unpacked(Path("/dev/null"))
        Traceback (most recent call last):
        OSError: [Errno 22] a device, not a file
    """
    file = open_regular(path)
    if not path.name.lower().endswith(".gz"):
        return file
    unpacked = gzip.GzipFile(fileobj=file)
    # It closes what it has opened itself, and nothing else.
    unpacked.myfileobj = file  # type: ignore[assignment]
    return cast(IO[bytes], unpacked)


def read_regular(path: str | Path, *, most: int) -> bytes:
    """The bytes of a regular file.

    Args:
        path: of the file.
        most: its bytes at most.

    Raises:
        OSError: as of `open_regular`.
    """
    with open_regular(path, most=most) as file:
        # It may grow while it is read.
        return file.read(most)


def _mistake(state: os.stat_result, most: int | None) -> OSError | None:
    """Why a file that was opened is not read."""
    if stat.S_ISDIR(state.st_mode):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    for is_kind, name in KINDS.items():
        if is_kind(state.st_mode):
            return OSError(errno.EINVAL, f"{name}, not a file")
    # What the system makes up as it is read, such as the files of /proc, says that it is empty.
    if not state.st_size:
        return EmptyFileError(errno.EINVAL, "an empty file")
    if most is not None and state.st_size > most:
        return OSError(errno.EINVAL, f"{state.st_size:,} bytes, more than {most:,}")
    return None
