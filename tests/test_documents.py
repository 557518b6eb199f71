"""What the documents and docstrings show is true: their Python runs, and the commands they name exist."""

import doctest
import importlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import steradian as sr
from steradian.losses import MARGINS
from steradian.training import OBJECTIVES

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODULES_WITH_EXAMPLES = [path for path in sorted(SOURCE.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]
BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^(?P=indent)``` *$", re.DOTALL | re.MULTILINE
)
SKIP = re.compile(r"<!-- skip: \S.* -->\s*\Z")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@dataclass(frozen=True)
class Block:
    """A fenced block of a document: its language, its text, and the line before its text."""

    language: str
    code: str
    line: int


def blocks(document: Path) -> Iterator[Block]:
    """The blocks of a document, without those under a comment `<!-- skip: reason -->`."""
    text = document.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        if not SKIP.search(text[: found.start()]):
            code = re.sub(f"^{found['indent']}", "", found["code"], flags=re.MULTILINE)
            yield Block(found["language"], code, text[: found.start("code")].count("\n"))


def commands(document: Path) -> Iterator[list[str]]:
    """What a reader is told to type: console blocks (after `$ ` where answers are shown) and `make x` in a sentence."""
    for block in blocks(document):
        assert block.language not in {"bash", "sh", "shell"}, f"{document.name}:{block.line}: write console"
        if block.language == "console":
            lines = block.code.replace("\\\n", " ").splitlines()
            typed = [line[2:] for line in lines if line.startswith("$ ")] or lines
            yield from (words for line in typed if (words := shlex.split(line, comments=True)))
    prose = BLOCK.sub("", document.read_text(encoding="utf-8"))
    yield from (["make", target] for target in re.findall(r"`make ([\w-]+)`", prose))


@pytest.fixture
def own_names() -> Iterator[None]:
    """What a block adds to the library's tables of names is gone after it."""
    before = [(table, dict(table)) for table in (MARGINS, OBJECTIVES)]
    yield
    for table, entries in before:
        table.clear()
        table.update(entries)  # type: ignore[arg-type]


# Those whose blocks take some seconds.
LONG = {f"docs/{name}.md" for name in ("audit", "decisions", "modalities", "new-classes", "report", "tutorial")}


@pytest.mark.usefixtures("own_names")
@pytest.mark.parametrize(
    "document",
    [
        pytest.param(document, id=name, marks=pytest.mark.slow if name in LONG else ())
        for document in DOCUMENTS
        if (name := str(document.relative_to(ROOT)))
    ],
)
def test_python_blocks_run(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(document):
        if block.language in {"python", "py"}:
            # The empty lines make a traceback name the line of the document.
            exec(compile("\n" * block.line + block.code, document, "exec"), namespace)


@each_document
def test_commands_exist(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for program, *words in commands(document):
        if program == "make":
            assert {word for word in words if re.fullmatch(r"[a-z-]+", word)} <= set(targets), words
        elif Path(program).name == "steradian":
            assert_command_line_knows(words, capsys)


def assert_command_line_knows(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The subcommand answers `--help`, and its help names every option."""
    main = importlib.import_module("steradian.cli").main
    subcommand = [word for word in words[:1] if not word.startswith("-")]
    with pytest.raises(SystemExit) as stopped:
        main([*subcommand, "--help"])
    answer = capsys.readouterr()
    assert stopped.value.code in (0, None), answer.err
    options = {word.split("=")[0] for word in words if word.startswith("--")}
    assert options <= set(re.findall(r"--[\w.-]*\w", answer.out)), f"steradian {shlex.join(words)}"


@each_document
def test_links_within_the_project_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", BLOCK.sub("", document.read_text(encoding="utf-8")))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("path", MODULES_WITH_EXAMPLES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_examples_in_docstrings_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(importlib.import_module(name), optionflags=options)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_reference_holds_all_that_the_package_gives() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^::: steradian\.(\w+)$", text, flags=re.MULTILINE))
    errors = {name for name in sr.__all__ if name.endswith("Error")}
    assert named - {"losses", "errors"} == set(sr.__all__) - errors
