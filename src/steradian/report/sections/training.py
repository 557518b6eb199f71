"""How training went."""

from typing import Any

from steradian.report.figures import Figure, lines
from steradian.report.markup import Section, section
from steradian.report.measurements import Measurements

__all__ = ["training_section"]


def training_section(findings: Measurements) -> Section:
    """Loss and validation score over the steps.

    Args:
        findings: what was measured.
    """
    training = findings.model.training_
    choice, history = training.choice, training.history
    scored = [record for record in history if record["score"] is not None]
    return section(
        "training",
        training=training,
        choice=None if choice is None else _choice(choice),
        loss=_curve("loss", history, y="mean loss"),
        score=_curve("score", scored, y="MAP@R", zero=True) if scored else None,
    )


def _curve(key: str, records: list[dict[str, Any]], **axes: Any) -> Figure:
    """What is recorded under a key, over the steps."""
    steps = [record["step"] for record in records]
    return lines({key: (steps, [record[key] for record in records])}, x="step", **axes)


def _choice(choice: dict[str, Any]) -> str:
    """How the closed form and the networks beside it were joined, in words."""
    if "score" not in choice:
        return "The closed form stands alone: no network was trained beside it to the end."
    measured = f"{choice['score']}: {choice['closed_form']:.3f} by the closed form"
    if not choice["networks"]:
        return f"{measured}, which stands alone, since no network beside it was surely better."
    networks = "1 network" if choice["networks"] == 1 else f"{choice['networks']} networks"
    gates = ", with their gates" if choice["learned_gates"] else ""
    return f"{measured} alone, {choice['both']:.3f} with {networks} beside it at share {choice['share']:g}{gates}."
