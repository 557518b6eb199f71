"""How training went."""

from typing import Any

from steradian.report.figures import lines
from steradian.report.findings import Findings
from steradian.report.markup import Html, Section, html, nothing, plot

__all__ = ["training_section"]


def training_section(findings: Findings) -> Section:
    """Loss and validation score over the steps.

    Args:
        findings: what was measured.
    """
    lead = (
        "The loss should fall and level out; while the margin grows, the task grows harder and the loss may rise. The "
        "validation score decides which step's weights are kept."
    )
    training = findings.model.training_
    if not training.ended:
        body = nothing("This model does not hold the history of its training: it was saved while that went on.")
        return Section("training", "Training", lead, body)
    stopped = nothing("Training was ended early by Ctrl-C.") if training.interrupted else Html("")
    choice = training.choice
    beside = Html("") if choice is None else html(Html("<p>"), _choice(choice), Html("</p>"))
    history = training.history
    if choice is not None and not history:
        lead = "The model is the closed form of the whole table: it is solved for, and has no curve."
        return Section("training", "Training", lead, html(stopped, beside))
    steps = [record["step"] for record in history]
    loss = plot(
        "plot-loss",
        lines({"loss": (steps, [record["loss"] for record in history])}, x="step", y="mean loss"),
        caption="Mean loss since the last record" + ("." if choice is None else ", of the first network."),
        height=240,
    )
    scored = [record for record in history if record["score"] is not None]
    if scored:
        series = {"score": ([record["step"] for record in scored], [record["score"] for record in scored])}
        score = plot(
            "plot-score",
            lines(series, x="step", y="MAP@R", zero=True),
            caption=f"MAP@R of the held-out objects; the best, {training.best_score:.3f}, is that of step "
            f"{training.best_step:,}.",
            height=240,
        )
    elif choice is not None:
        score = nothing("No step is chosen: networks are kept or not by the objects that they left out.")
    else:
        score = nothing("No objects were held out: training ran to its end, and the last weights are kept.")
    if choice is not None:
        lead = (
            "Networks are trained beside the closed form of the whole table, and kept as far as objects that they left "
            "out gain by them. The loss should fall and level out; while the margin grows, it may rise."
        )
    body = html(stopped, beside, Html('<div class="pair">'), loss, score, Html("</div>"))
    return Section("training", "Training", lead, body)


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
