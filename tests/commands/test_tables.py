import subprocess
import sys
from pathlib import Path

import pytest
from jsonargparse import Namespace

import steradian as sr
from steradian.commands.tables import load_named, load_to_search, read_both, show
from steradian.fitted_model import FittedModel
from steradian.runtime import RuntimeModel

BLOCKED = """
import sys
sys.modules.update(dict.fromkeys(("scipy", "sklearn", "torch")))
from steradian.cli import main
main()
"""


def test_a_table_tells_what_could_not_be_read(shelf: Path, write_rows, tmp_path: Path, capsys) -> None:
    model = load_named(str(shelf / "size"))
    options = Namespace(model="model", on_error="missing")
    first, second = read_both(str(shelf / "test.csv"), None, model.schema_, options)
    assert second is None and len(first) == 60
    assert capsys.readouterr().err == ""
    rows = [{"sku": "a", "kind": "cup", "size": "1"}, {"sku": "b", "kind": "", "size": "2"}]
    table = write_rows(tmp_path / "table.csv", rows)
    first, second = read_both(str(shelf / "test.csv"), str(table), model.schema_, options)
    assert second is not None and len(second) == 1
    assert str(table) in capsys.readouterr().err


def test_a_closed_form_is_searched_without_torch_and_answers_alike(shelf: Path) -> None:
    """In a process where torch, scipy and scikit-learn cannot be imported."""
    (shelf / "blocked.py").write_text(BLOCKED)
    words = ["search", str(shelf / "size"), "--query", "size=10.2", "--index", str(shelf / "vectors"), "--k", "3"]
    model = load_named(str(shelf / "size"))
    index = sr.Index.build(model, sr.read_objects(shelf / "train.csv", model.schema_))
    index.save(shelf / "vectors")
    searched = subprocess.run([sys.executable, shelf / "blocked.py", *words], capture_output=True, text=True)
    assert searched.stderr == ""
    assert searched.stdout == f"{index.search({'size': [10.2]}, k=3)}\n"


def test_where_networks_are_run_a_search_loads_them(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(load_to_search(str(shelf / "size")), RuntimeModel)
    monkeypatch.setattr("steradian.runtime.runtime_model.runs_networks", lambda joined: True)
    assert isinstance(load_to_search(str(shelf / "size")), FittedModel)


def test_a_pipe_gets_plain_lines(capsys) -> None:
    show("[bold]a table[/bold]")
    assert capsys.readouterr().out == "[bold]a table[/bold]\n"
