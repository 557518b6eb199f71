"""What `--help` shows of a command beside its options: three examples, and which options come first."""

from argparse import ArgumentParser

__all__ = ["EXAMPLES", "FIRST", "show_first_what_is_used_most"]

MOST_FIRST = 6
"""Options above those that are called "more"."""

EXAMPLES: dict[str, tuple[str, str, str]] = {
    "demo": ("", "--out page", "--random-state 1"),
    "schema": ("shop.csv", "shop.csv --label product --out schema.yaml", "parts/ --out schema.yaml"),
    "split": (
        "shop.csv --label kind --out parts",
        "visits.parquet --groups patient --test 0.3 --out parts",
        "shop.csv --label kind --unseen-classes 0.2 --out parts",
    ),
    "fit": (
        "train.csv --schema schema.yaml --out model --epochs 0",
        "train.csv --schema schema.yaml --out model --validation new.csv",
        "train.csv --schema schema.yaml --out model --config options.yaml",
    ),
    "evaluate": (
        "model test.csv",
        "model test.csv --gallery train.csv --out scores.json",
        "model test.csv --decisions --robustness curve.json",
    ),
    "compare": (
        "first-model second-model test.csv",
        "first-model second-model test.csv --gallery train.csv",
        "first-model second-model test.csv --out differences.json",
    ),
    "report": (
        "model test.csv --out report.html",
        "model test.csv --gallery train.csv --out report.html",
        'model test.csv --out report.html --title "Shoes, spring"',
    ),
    "calibrate": (
        "model held_out.csv --coverage 0.9",
        "model held_out.csv --precision 0.95",
        "model held_out.csv --pair-false-accept 0.001",
    ),
    "predict": ("model new.csv", "model new.csv --out classes.csv", "model new.csv --reject --out classes.csv"),
    "verify": (
        "model first.csv second.csv",
        "model first.csv second.csv --out same.csv",
        "model shop_a.csv shop_b.csv --pairs pairs.csv --out same.csv",
    ),
    "match": (
        "model a.csv b.csv --known pairs.csv --out matches.csv",
        "model a.csv b.csv --known pairs.csv --precision 0.98",
        "model new_a.csv b.csv --limit 0.9 --out matches.csv",
    ),
    "add-classes": (
        "model rowing.parquet",
        "model new_kinds.csv --out larger-model",
        "model new_kinds.csv --on-error missing",
    ),
    "audit": ("model test.csv", "model test.csv --against train.csv", "model test.csv --out findings.json"),
    "embed": (
        "model new.csv --out new-index",
        "model new.csv --out vectors.parquet",
        "model parts/ --out vectors",
    ),
    "search": ('model --text "red shoe"', "model --image shoe.png --k 5", 'model --text "red shoe" --index new-index'),
    "serve": ("model", "model --gallery train.csv --port 9000", "model --index new-index --host 0.0.0.0"),
    "export": ("model --out served", "model --out /srv/model", "models/shoes --out served/shoes"),
    "explain": ("model new.csv", "model new.csv --rows 0", "model new.csv --rows 0 3 --target boot"),
}
"""What may stand after the name of a command."""

FIRST: dict[str, tuple[str, ...]] = {
    "fit": ("--schema", "--out", "--epochs", "--validation", "--embedding-dim", "--random-state"),
    "split": ("--out", "--test", "--validation", "--label", "--groups", "--unseen-classes"),
    "evaluate": ("--gallery", "--out", "--decisions", "--robustness", "--geometry", "--on-error"),
    "serve": ("--gallery", "--index", "--host", "--port", "--title", "--on-error"),
}
"""The options that are used most, of commands that have more than six."""


def show_first_what_is_used_most(command: ArgumentParser, name: str) -> None:
    """Give a command its examples, and list the options that are used most above the others.

    Args:
        command: its parser, with all options.
        name: of the command.
    """
    lines = "\n".join(f"  steradian {name} {words}".rstrip() for words in EXAMPLES[name])
    command.epilog = f"examples:\n{lines}"
    if name not in FIRST:
        return
    options = {option: action for action in command._actions for option in action.option_strings}
    first = [options[option] for option in FIRST[name]]
    rest = [each for each in command._actions if each.option_strings and each not in first and each.dest != "help"]
    for group in command._action_groups:
        group._group_actions = [each for each in group._group_actions if each not in (*first, *rest)]
    command._optionals._group_actions += first
    more = command.add_argument_group("more")
    more._group_actions += rest
