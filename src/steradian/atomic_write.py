"""Files that are whole at every moment: the new content or what was there before, never a part of either."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["whole_file", "write_whole"]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary name beside a file to write to, which is renamed when all is written without an error.

    Args:
        path: the file; its folder is made if it does not exist.

    Raises:
        OSError: it cannot be written; the error names the file, and what was there before is still there.

    Examples:
        >>> with whole_file(Path("parts") / "b.txt") as unfinished:
        ...     _ = unfinished.write_text("one")
        >>> [file.name for file in Path("parts").iterdir()]
        ['b.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.parent / f".{path.name}.{os.urandom(4).hex()}"
    try:
        yield unfinished
        os.replace(unfinished, path)
    except OSError as error:
        # Nobody knows the temporary name.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        unfinished.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> None:
    r"""Write a file under a temporary name beside it, and rename it when it is complete.

    Args:
        path: the file; its folder is made if it does not exist.
        content: bytes as they are; text as UTF-8, of which halves of surrogate pairs, that UTF-8 has no word for, are
            written as `\ud800`, which JSON reads back as the same text.

    Raises:
        OSError: it cannot be written; the error names the file, and what was there before is still there.

    Examples:
        >>> write_whole(Path("made") / "a.txt", "one")
        >>> write_whole(Path("made") / "a.txt", "two")
        >>> [(file.name, file.read_text()) for file in Path("made").iterdir()]
        [('a.txt', 'two')]
    """
    data = content.encode("utf-8", errors="backslashreplace") if isinstance(content, str) else content
    with whole_file(path) as unfinished:
        unfinished.write_bytes(data)
