from pathlib import Path

from jsonargparse import Namespace

from steradian.commands.tables import load_named, read_both, show


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


def test_a_pipe_gets_plain_lines(capsys) -> None:
    show("[bold]a table[/bold]")
    assert capsys.readouterr().out == "[bold]a table[/bold]\n"
