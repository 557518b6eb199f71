"""The rules of the code's layout: import direction, names, sizes, test files, public names, docstrings."""

import ast
import importlib
import importlib.util
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "steradian"
# A folder or file at the top of src/steradian imports only from those before it. The demo and the command line are
# users of the public names, so these come before them.
ORDER = (
    *("errors", "misspelt", "atomic_write", "saved_files", "config", "text_table", "progress_bar", "data"),
    "result_table",
    *("ranks", "losses", "metrics"),
    *("modalities", "saved_folder", "model", "calibration", "training", "tracking", "validation", "model_answers"),
    *("fitted_model", "compatibility", "fit", "explanation", "thresholds"),
    *("saved_arrays", "saved_description", "saved_model", "network_graphs", "export_model", "new_classes", "audit"),
    *(
        "embedder_attributes",
        "model_card",
        "embedder_folder",
        "embedder",
        "stores",
        "search",
        "runtime",
        "batch_embedder",
    ),
    *("evaluation", "report", "__init__", "demo", "command_mistakes", "query_cells", "command_examples", "serve"),
    *("out_paths", "commands", "command_line", "standard_streams", "stop_signals", "cli", "__main__"),
)
SAYS_NOTHING = re.compile(r"(test_)?(base|common|core|helpers?|interfaces?|misc|registry|utils?)")
EXTRAS = {"emoji", "faiss", "fastapi", "matplotlib", "onnx", "pandas", "plotly", "polars", "resvg_py", "soundfile"} | {
    *("lancedb", "psycopg", "qdrant_client", "transformers", "uvicorn", "huggingface_hub", "mlflow", "tensorboard"),
    "wandb",
}
UNSAFE_READERS = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
# A tag, or the beginning of one. No tags: "<f4" is a kind of number, "<class" stands in Python's own messages, "?P<"
# in regular expressions.
TAG = re.compile(r"(?<!\?P)<(?!class\b)/?(?:[a-z]+|h[1-6])(?=[\s/>]|$)")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|mnt|opt|root|tmp|Users|work)/")


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(SOURCE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def place(name: str) -> str:
    """Where a module stands in ORDER: the folder or file at the top of src/steradian that holds it."""
    return name.split(".")[1] if "." in name else "__init__"


def imports(name: str) -> Iterator[tuple[str, int]]:
    """The modules of steradian that a module imports, also within functions, with the line."""
    package = name if MODULES[name].stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            source = importlib.util.resolve_name(relative, package) if node.level else relative
            targets = [f"{source}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            while target.startswith("steradian") and target not in MODULES:
                target = target.rpartition(".")[0]
            if target in MODULES:
                yield target, node.lineno


def where(name: str, line: int) -> str:
    return f"{MODULES[name].relative_to(ROOT)}:{line}"


def test_every_folder_has_its_place_in_the_order() -> None:
    assert MODULES
    assert {place(name) for name in MODULES} <= set(ORDER)
    assert [
        str(folder) for folder in {path.parent for path in MODULES.values()} if not (folder / "__init__.py").is_file()
    ] == []


@pytest.mark.parametrize("name", MODULES)
def test_a_folder_imports_only_from_folders_before_it(name: str) -> None:
    wrong = [
        f"{where(name, line)} imports {target}"
        for target, line in imports(name)
        if place(target) != place(name) and ORDER.index(place(target)) > ORDER.index(place(name))
    ]
    assert wrong == []


def test_no_import_goes_in_a_circle() -> None:
    graph = {name: {target for target, _ in imports(name)} for name in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_names_say_something() -> None:
    folders = [ROOT / folder for folder in ("src", "tests", "benchmarks", "examples")]
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_dir() or path.suffix == ".py"]
    assert [str(path) for path in paths if SAYS_NOTHING.fullmatch(path.stem)] == []


def test_files_and_functions_are_short() -> None:
    long = [
        f"{name}: {lines} lines"
        for name, path in MODULES.items()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    ]
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                code = lines - len((ast.get_docstring(node, clean=False) or "").splitlines())
                long += [f"{where(name, node.lineno)} {node.name}: {lines} lines"] if lines > 75 or code > 60 else []
    assert long == []


def test_every_source_file_has_its_test_file() -> None:
    missing = []
    for path in MODULES.values():
        mirror = ROOT / "tests" / path.relative_to(SOURCE).with_name(f"test_{path.name}")
        if not path.name.startswith("__") and not mirror.is_file():
            missing.append(str(mirror.relative_to(ROOT)))
    assert missing == []


def test_no_assert_and_nothing_that_unpickles() -> None:
    wrong = []
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            match node:
                case ast.Assert():
                    wrong.append(f"{where(name, node.lineno)} assert")
                case ast.Import(names=aliases):
                    read = {alias.name.split(".")[0] for alias in aliases} & UNSAFE_READERS
                    wrong += [f"{where(name, node.lineno)} import {package}" for package in read]
                case ast.ImportFrom(module=str(module)) if module.split(".")[0] in UNSAFE_READERS:
                    wrong.append(f"{where(name, node.lineno)} from {module}")
                case ast.keyword(arg="allow_pickle"):
                    wrong.append(f"{where(name, node.value.lineno)} allow_pickle")
                case ast.Attribute(value=ast.Name(id="torch"), attr="load"):
                    wrong.append(f"{where(name, node.lineno)} torch.load")
    assert wrong == []


def tags(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The HTML tags in the strings of a module that are no docstrings, with the line."""
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield from ((found[0], node.lineno) for found in TAG.finditer(node.value))


def test_html_stands_in_templates_and_not_in_python() -> None:
    found = [len(list(tags(ast.parse(f"x = {text!r}")))) for text in ("<b>", "a</td>", "<td", "<svg role=", "<br/>")]
    assert found == [1, 1, 1, 1, 1] and list(tags(ast.parse("x = f'<p>{y}'")))
    assert list(tags(ast.parse("'<b>'; x = 'a < b'; x = '<f4'; x = f'{y}<{z}'"))) == []
    assert [f"{where(name, line)} {tag}" for name, tree in TREES.items() for tag, line in tags(tree)] == []


def test_public_names_are_exact() -> None:
    steradian = importlib.import_module("steradian")
    sources = [node for node in ast.walk(TREES["steradian"]) if isinstance(node, ast.ImportFrom)]
    imported = [alias.name for node in sources for alias in node.names if node.module in MODULES]
    assert sorted(steradian.__all__) == sorted(imported)
    assert [name for name in imported if not inspect.getdoc(getattr(steradian, name))] == []


def documented_arguments(thing: Any) -> list[str]:
    """The names under `Args:` in a docstring, in order."""
    lines = inspect.getdoc(thing) or ""
    section = re.search(r"^Args:\n((?:[ ]+.*\n|\n)*)", f"{lines}\n", re.MULTILINE)
    entries = re.findall(r"^ {4}((?:\*{0,2}\w+(?:, )?)+):", section[1] if section else "", re.MULTILINE)
    return [name.lstrip("*") for entry in entries for name in entry.split(", ")]


def explained_fields(module: str, name: str) -> list[str]:
    """The fields of a dataclass that have a line of meaning under them."""
    (body,) = [node.body for node in TREES[module].body if isinstance(node, ast.ClassDef) and node.name == name]
    pairs = [(field.target, below) for field, below in pairwise(body) if isinstance(field, ast.AnnAssign)]
    return [ast.unparse(field) for field, below in pairs if isinstance(below, ast.Expr)]


def mistakes(thing: Any, name: str, documented: list[str]) -> list[str]:
    takes = [argument for argument in inspect.signature(thing).parameters if argument not in {"self", "cls"}]
    return [f"{name} takes {takes}, documents {documented}"] if takes != documented else []


@pytest.mark.parametrize("name", MODULES)
def test_docstrings_name_the_arguments_there_are(name: str) -> None:
    module = importlib.import_module(name)
    wrong: list[str] = []
    for public in getattr(module, "__all__", ()):
        thing = getattr(module, public)
        if not (inspect.isfunction(thing) or inspect.isclass(thing)) or thing.__module__ != name:
            continue
        documented = documented_arguments(thing)
        if not thing.__doc__:
            wrong.append(f"{public} has no docstring")
        elif inspect.isfunction(thing):
            wrong += mistakes(thing, public, documented)
        elif "__init__" in vars(thing) and not getattr(thing, "_is_protocol", False):
            wrong += mistakes(thing, public, documented or explained_fields(name, public))
        for method, function in inspect.getmembers(thing, inspect.isroutine):
            # A method whose summary says it all needs no list of arguments; a list must be the right one.
            if method in vars(thing) and (documented := documented_arguments(function)):
                wrong += mistakes(function, f"{public}.{method}", documented)
    assert wrong == []


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        (
            "import steradian; [getattr(steradian, name) for name in steradian.__all__]",
            EXTRAS | {"jsonargparse"},
        ),
        ("import steradian.cli", EXTRAS | {"pyarrow", "scipy", "sklearn", "torch"}),
        (
            "import steradian.data, steradian.saved_model, steradian.search",
            EXTRAS | {"jsonargparse", "scipy.optimize", "scipy.stats", "sklearn"},
        ),
    ],
    ids=["public names", "command line", "search on the command line"],
)
def test_the_package_loads_without_what_is_loaded_late(statement: str, absent: set[str]) -> None:
    command = f"import sys; sys.modules.update(dict.fromkeys({absent})); {statement}"
    loading = subprocess.run([sys.executable, "-W", "error", "-c", command], capture_output=True, text=True)
    assert loading.stderr == ""


def test_no_file_names_a_path_of_one_machine() -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    wrong = []
    for name in filter(None, listed.stdout.split("\0")):
        content = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        lines = [] if b"\0" in content else content.decode("utf-8").splitlines()
        wrong += [
            f"{name}:{number} {line.strip()}" for number, line in enumerate(lines, 1) if MACHINE_PATH.search(line)
        ]
    assert wrong == []


def test_constraints_pin_one_release_of_every_direct_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    lines = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    pinned = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in lines}
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement.name
