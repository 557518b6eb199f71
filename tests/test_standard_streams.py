"""Whatever happens to a stream, writing to it goes on."""

import io
import sys

import pytest

from steradian.standard_streams import LastingStream, lasting_streams


class Broken(io.StringIO):
    """Takes some writes, then fails."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.left = writes

    def write(self, text: str) -> int:
        self.left -= 1
        if self.left < 0:
            raise BrokenPipeError(32, "Broken pipe")
        return super().write(text)


def test_what_is_written_arrives() -> None:
    taken = io.StringIO()
    stream = LastingStream(taken)
    assert stream.write("one ") == 4
    stream.writelines(["two ", "three"])
    stream.flush()
    assert taken.getvalue() == "one two three"
    assert (stream.problem, stream.replaced) == (None, False)
    assert stream.isatty() is False and stream.getvalue() == taken.getvalue()


def test_after_an_error_the_rest_is_dropped() -> None:
    taken = Broken(2)
    stream = LastingStream(taken)
    assert [stream.write(text) for text in ("a", "b", "cd", "e")] == [1, 1, 2, 1]
    stream.flush()
    assert taken.getvalue() == "ab" and taken.left == -1
    assert stream.problem == "Broken pipe"


def test_an_error_when_flushing_is_kept() -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    stream = LastingStream(Full())
    stream.write("a")
    assert stream.problem is None
    stream.flush()
    assert stream.problem == "No space left on device"


@pytest.mark.parametrize(
    ("encoding", "errors", "written", "replaced"),
    [
        ("utf-8", "strict", "caf\u00e9 \u676f", False),
        ("ascii", "strict", "caf? ?", True),
        ("cp1252", "strict", "caf\u00e9 ?", True),
        ("ascii", "backslashreplace", "caf\\xe9 \\u676f", False),
    ],
)
def test_what_an_encoding_lacks_is_replaced(encoding: str, errors: str, written: str, replaced: bool) -> None:
    raw = io.BytesIO()
    stream = LastingStream(io.TextIOWrapper(raw, encoding=encoding, errors=errors))
    assert stream.write("caf\u00e9 \u676f") == 6
    stream.flush()
    assert raw.getvalue().decode(encoding) == written
    assert stream.replaced is replaced


def test_half_a_surrogate_pair_is_replaced() -> None:
    raw = io.BytesIO()
    stream = LastingStream(io.TextIOWrapper(raw, encoding="utf-8"))
    stream.write("a\ud800b")
    stream.flush()
    assert raw.getvalue() == b"a?b" and stream.replaced


def test_the_standard_streams_come_back() -> None:
    before = sys.stdout, sys.stderr
    with pytest.raises(KeyError), lasting_streams():
        assert isinstance(sys.stdout, LastingStream) and isinstance(sys.stderr, LastingStream)
        raise KeyError
    assert (sys.stdout, sys.stderr) == before


def test_a_stream_closed_before_the_start_is_told_once_something_is_printed(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with lasting_streams() as output:
        assert output.problem is None
        print("to standard output")
        print("to standard error", file=sys.stderr)
    assert output.problem == "it is closed"
