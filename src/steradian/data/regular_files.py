"""Only regular files are opened: a pipe would wait for ever, a device has no end."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

__all__ = ["open_regular", "read_regular"]

KINDS = {
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def open_regular(path: str | Path, *, most: int | None = None) -> BinaryIO:
    """A regular file opened for reading bytes, without waiting.

    Args:
        path: of the file; links are followed.
        most: its bytes at most; None: any number.

    Raises:
        OSError: there is none, or it is a folder, a pipe, a socket or a device, or larger.

    Example:
        >>> open_regular("/dev/null")
        Traceback (most recent call last):
        OSError: a device, not a file
    """
    # Opening a pipe waits for its writer, and a terminal may become this process's own, unless told not to.
    flags = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | flags), "rb")
    except OSError as error:
        # A socket cannot be opened at all.
        if error.errno == errno.ENXIO:
            raise OSError("a socket or a device, not a file") from error
        raise
    state = os.fstat(file.fileno())
    kind = next((name for is_kind, name in KINDS.items() if is_kind(state.st_mode)), None)
    if kind is not None or (most is not None and state.st_size > most):
        file.close()
        raise OSError(f"{kind}, not a file" if kind else f"{state.st_size:,} bytes, of at most {most:,}")
    return file


def read_regular(path: str | Path, *, most: int) -> bytes:
    """The bytes of a regular file.

    Args:
        path: of the file.
        most: its bytes at most. A file that says it is smaller, as those of /proc do, is cut off there as well.

    Raises:
        OSError: as of `open_regular`.
    """
    with open_regular(path, most=most) as file:
        # A file of no stated size may have no end: what the system makes up as it is read is no picture or table.
        return file.read(os.fstat(file.fileno()).st_size)
