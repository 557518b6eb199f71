"""The frame of the report: head, contents, sections, and the two scripts with the hashes that alone may run."""

import base64
import gzip
from collections.abc import Sequence
from hashlib import sha256

from steradian.errors import MissingExtraError
from steradian.report.markup import Section, asset, write_html

__all__ = ["report_page"]


def report_page(
    title: str, lead: str, *, verdict: str | None = None, sections: Sequence[Section], credits: Sequence[str] = ()
) -> str:
    """One HTML document with everything in it: plotly, the plots' data, pictures; it asks for nothing from elsewhere.

    Args:
        title: the page's heading.
        lead: a sentence below it.
        verdict: the sentence that says whether the model is worth it, the first on the page.
        sections: what is shown, in this order.
        credits: lines at the foot; addresses in them become links.

    Raises:
        MissingExtraError: plotly is not installed.
    """
    plotly, script = _plotly(), asset("report/report.js")
    hashes = [base64.b64encode(sha256(text.encode()).digest()).decode() for text in (plotly, script)]
    packed = base64.b64encode(gzip.compress(plotly.encode(), mtime=0)).decode()
    values = {"title": title, "lead": lead, "verdict": verdict, "sections": sections, "credits": credits}
    return str(write_html("report/templates/report.html", script=script, packed=packed, hashes=hashes, **values))


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtraError("report", "plotly", where="write_report") from error
    # A browser hashes what it reads, in which every line ends alike.
    return str(get_plotlyjs()).replace("\r\n", "\n").replace("\r", "\n")
