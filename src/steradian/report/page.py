"""The frame of the report: head, contents, sections, and the two scripts with the hashes that alone may run."""

import base64
from collections.abc import Sequence
from hashlib import sha256

from steradian.errors import MissingExtraError
from steradian.report.assets import asset
from steradian.report.markup import Html, Section, html, linked, plain

__all__ = ["report_page"]


def report_page(title: str, lead: str, *, sections: Sequence[Section], credits: Sequence[str] = ()) -> str:
    """One HTML document with everything in it: plotly, the plots' data, pictures; it asks for nothing from elsewhere.

    Args:
        title: the page's heading.
        lead: a sentence below it.
        sections: what is shown, in this order.
        credits: lines at the foot; addresses in them become links.

    Raises:
        MissingExtraError: plotly is not installed.
    """
    scripts = [_plotly(), asset("report.js").replace("\r\n", "\n")]
    hashes = " ".join(f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'" for text in scripts)
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    contents = (html(Html(f'<li><a href="#{part.name}">'), part.title, Html("</a></li>")) for part in sections)
    foot = [Html(f"<p>{linked(line)}</p>") for line in credits]
    return "".join(
        [
            '<!doctype html>\n<html lang="en" class="plain">\n<head>\n<meta charset="utf-8">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            f"<title>{html(title)}</title>\n<style>{asset('page.css')}{asset('report.css')}</style>\n</head>\n<body>\n",
            f"<header><h1>{html(title)}</h1>\n<p>{html(lead)}</p></header>\n",
            '<div class="frame">\n<nav aria-label="Contents"><ol>',
            html(*contents),
            "</ol></nav>\n<main>\n",
            *map(_section, sections),
            "</main>\n</div>\n<footer>\n",
            html(
                *foot,
                Html("<p>"),
                plain("Written by steradian; nothing in this page is loaded from elsewhere."),
                Html("</p>"),
            ),
            "\n</footer>\n",
            *(f"<script>{text}</script>\n" for text in scripts),
            "</body>\n</html>\n",
        ]
    )


def _section(section: Section) -> str:
    heading = f'<section id="{section.name}" aria-labelledby="{section.name}-title">\n<h2 id="{section.name}-title">'
    return (
        f'{heading}{html(section.title)}</h2>\n<p class="lead">{html(section.lead)}</p>\n{section.body}\n</section>\n'
    )


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtraError("report", "plotly", where="write_report") from error
    # A browser hashes what it reads, in which every line ends alike.
    return str(get_plotlyjs()).replace("\r\n", "\n").replace("\r", "\n")
