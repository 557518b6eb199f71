"""Printing that never ends the work: what cannot be printed is dropped, and told at the end."""

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

__all__ = ["LastingStream", "lasting_streams"]


class LastingStream:
    """A text stream whose writing never fails.

    A character that the stream's encoding has no word for is written as a question mark. After an error of the
    system, such as a closed pipe or a full disk, everything else is dropped.

    Args:
        stream: what to write to; all other attributes are its own.

    Attributes:
        problem: why not everything was written; None if it was, so far.
        replaced: whether a question mark stands in place of a character.

    Examples:
        >>> import io
        >>> stream = LastingStream(io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
        >>> stream.write("café"), stream.replaced, stream.problem
        (4, True, None)
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.problem: str | None = None
        self.replaced = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write what can be written; returns the number of characters given."""
        if self.problem is None:
            try:
                self._stream.write(self._encodable(text))
            except OSError as error:
                self._give_up(error)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of them."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what was written; only then a closed pipe is noticed."""
        if self.problem is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._give_up(error)

    def _encodable(self, text: str) -> str:
        encoding = self._stream.encoding or "utf-8"
        try:
            codecs.encode(text, encoding, self._stream.errors or "strict")
        except UnicodeEncodeError:
            self.replaced = True
            return text.encode(encoding, "replace").decode(encoding)
        return text

    def _give_up(self, error: OSError) -> None:
        self.problem = error.strerror or str(error)
        # What Python still holds for the reader is written once more at exit, and must then go nowhere.
        try:
            descriptor = self._stream.fileno()
        except OSError:
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


class _Closed(io.StringIO):
    """What stands for a stream that the process was started without."""

    def write(self, text: str) -> int:
        raise OSError(errno.EBADF, "it is closed")


@contextmanager
def lasting_streams() -> Iterator[LastingStream]:
    """Put a `LastingStream` around standard output and around standard error.

    Yields:
        That of standard output.

    Examples:
        >>> with lasting_streams() as output:
        ...     print("work")
        work
        >>> output.problem is None
        True
    """
    before = sys.stdout, sys.stderr
    # A stream that was closed before the start is None.
    streams = [LastingStream(stream or _Closed()) for stream in before]
    sys.stdout, sys.stderr = (cast(TextIO, stream) for stream in streams)
    try:
        yield streams[0]
    finally:
        for stream in streams:
            stream.flush()
        sys.stdout, sys.stderr = before
