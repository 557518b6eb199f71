"""`write_report`: from an evaluation to one self-contained page."""

from collections.abc import Sequence
from pathlib import Path

from steradian.atomic_write import write_whole
from steradian.audit import Audit
from steradian.errors import InputError
from steradian.evaluation import Evaluation, PlainBaseline, Robustness
from steradian.evaluation.label_evaluation import LabelEvaluation
from steradian.misspelt import telling_of_misspelt
from steradian.report.measurements import measure
from steradian.report.page import report_page
from steradian.report.sections import SECTIONS

__all__ = ["write_report"]


@telling_of_misspelt
def write_report(
    evaluation: Evaluation,
    path: str | Path,
    *,
    title: str | None = None,
    baseline: PlainBaseline | None = None,
    robustness: Robustness | None = None,
    audit: Audit | None = None,
    credits: Sequence[str] = (),
    random_state: int = 0,
) -> Path:
    """Write what was trained, how good it is and where it errs as one HTML file that asks for nothing from a network.

    Args:
        evaluation: what `evaluate` returned in this process; one read from a file knows no objects.
        path: the file; its folder is made if it does not exist. At every moment the file is whole.
        title: the page's heading; None names the label and the modalities.
        baseline: a plain model's scores to stand beside the model's, as `measure_plain_baseline(train, test)` returns;
            None measures them where the evaluation has a gallery, not too large, to fit it on.
        robustness: the drop-out table; None measures a quick one where the tables are small.
        audit: what looks wrong, as `model.audit(objects)` returns; None makes one where the table is not too large.
        credits: lines at the foot, such as licences of pictures; addresses that begin with https:// become links.
        random_state: of the objects that are drawn to be shown, and of the projection.

    Returns:
        The path.

    Raises:
        InputError: an evaluation without its model and objects.
        MissingExtraError: plotly is not installed: `pip install 'steradian[report]'`.
        OSError: the file cannot be written.

    Examples:
        >>> import steradian as sr
        >>> table = {"size": [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]], "label": ["a", "a", "b", "b"]}
        >>> objects = sr.read_objects(table, sr.Schema({"size": sr.Vector("size")}))
        >>> model = sr.SphereEmbedder(embedding_dim=8, epochs=2, verbose=False).fit(objects)
        >>> write_report(sr.evaluate(model, objects, verbose=False), "report.html").name
        'report.html'
    """
    if isinstance(evaluation, LabelEvaluation):
        fix = "docs/several-labels.md says what there is for several; evaluate prints and saves its scores."
        raise InputError("an evaluation of one label an object", "one of several", "write_report(...)", fix)
    given = ((baseline, PlainBaseline), (robustness, Robustness), (audit, Audit))
    for value, kind in given:
        if value is not None and not isinstance(value, kind):
            fix = "Leave it out: what is not given is measured where the tables are small."
            raise InputError(
                f"a result of the kind {kind.__name__}, or None", type(value).__name__, "write_report(...)", fix
            )
    findings = measure(evaluation, baseline=baseline, robustness=robustness, audit=audit, random_state=random_state)
    modalities = ", ".join(evaluation.modalities)
    page = report_page(
        title or f"Report: {findings.model.schema_.label} from {modalities}",
        f"{len(findings.objects):,} objects, evaluated with all and with some of their modalities.",
        verdict=evaluation.verdict,
        sections=[section(findings) for section in SECTIONS],
        credits=credits,
    )
    path = Path(path)
    write_whole(path, page)
    return path
