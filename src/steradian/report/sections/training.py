"""How training went."""

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
    training = getattr(findings.model, "training_", None)
    if training is None:
        body = nothing(
            "This model does not hold the history of its training: it was saved while that went on, or by an older "
            "version."
        )
        return Section("training", "Training", lead, body)
    history = training.history
    steps = [record["step"] for record in history]
    loss = plot(
        "plot-loss",
        lines({"loss": (steps, [record["loss"] for record in history])}, x="step", y="mean loss"),
        caption="Mean loss since the last record.",
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
    else:
        score = nothing("No objects were held out: training ran to its end, and the last weights are kept.")
    stopped = nothing("Training was ended early by Ctrl-C.") if training.interrupted else Html("")
    return Section("training", "Training", lead, html(stopped, Html('<div class="pair">'), loss, score, Html("</div>")))
