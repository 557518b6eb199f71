"""The report in a real headless Chromium: it draws, turns, goes dark, fits a phone, and runs no stranger's script."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from steradian.evaluation import Evaluation
from steradian.report.write_report import write_report

pytestmark = pytest.mark.slow

IDENTITIES = "[...document.querySelectorAll('.plot')].map((div) => div.id)"
WAIT = 30_000


@dataclass
class Seen:
    """What a page did while it was open."""

    dialogs: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass
class Opened:
    page: Any
    seen: Seen

    def draw_all(self) -> list[str]:
        """Scroll to each plot until it is drawn; the identities of all."""
        plots: list[str] = self.page.evaluate(IDENTITIES)
        for plot in plots:
            self.draw(plot)
        return plots

    def draw(self, plot: str) -> None:
        """Scroll to one plot until it is drawn."""
        self.page.evaluate(f"document.getElementById('{plot}').scrollIntoView({{ behavior: 'instant' }})")
        self.page.wait_for_selector(f"#{plot}[data-drawn]", timeout=WAIT)


@pytest.fixture(scope="module")
def report(evaluation: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(evaluation, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture
def open_page(browser: Any, report: Path) -> Iterator[Callable[..., Opened]]:
    """Opens the report in a window of a kind of its own."""
    contexts = []

    def opened(*, width: int = 1200, **options: Any) -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page, seen = context.new_page(), Seen()
        page.on("dialog", lambda dialog: (seen.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("console", lambda message: seen.errors.append(message.text) if message.type == "error" else None)
        page.goto(report.as_uri())
        return Opened(page, seen)

    yield opened
    for context in contexts:
        context.close()


def camera(page: Any) -> dict[str, float]:
    found: dict[str, float] = page.evaluate("document.getElementById('plot-sphere').layout.scene.camera.eye")
    return found


def test_the_sphere_begins_with_errors_and_names_its_centers(open_page: Callable[..., Opened]) -> None:
    opened = open_page()
    opened.draw("plot-sphere")
    assert opened.page.evaluate("document.querySelector('.chips [aria-pressed=true]').value") == "wrong"
    marks = opened.page.evaluate("document.getElementById('plot-sphere').data.at(-1)")
    assert marks["mode"] == "markers+text" and len(marks["text"]) == len(marks["x"])


def test_all_is_drawn_without_an_error_a_request_or_a_strangers_script(
    open_page: Callable[..., Opened], report: Path
) -> None:
    opened = open_page()
    plots = opened.draw_all()
    assert {"plot-loss", "plot-subsets", "plot-dropped", "plot-angles", "plot-sphere", "plot-centers"} <= set(plots)
    assert opened.seen.errors == [] and opened.seen.dialogs == []
    assert [url for url in opened.seen.requests if not url.startswith(("data:", "blob:"))] == [report.as_uri()]
    page = opened.page
    sections, titles = page.locator("section").count(), page.locator("nav a").count()
    assert sections == titles == 12
    # Hostile labels stand as words in the plots too, and make no element there.
    assert page.locator("svg b, svg script, .plot a, [onerror]").count() == 0
    assert page.evaluate("document.getElementById('plot-centers').textContent.includes('<script>')")


def test_the_sphere_turns_by_dragging_and_by_the_arrow_keys(open_page: Callable[..., Opened]) -> None:
    opened = open_page()
    opened.draw("plot-sphere")
    page = opened.page
    before, box = camera(page), page.locator("#plot-sphere").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 20, steps=4)
    page.mouse.up()
    page.wait_for_timeout(200)
    dragged = camera(page)
    assert abs(dragged["x"] - before["x"]) + abs(dragged["y"] - before["y"]) > 0.05
    page.locator("#plot-sphere").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(100)
    turned = camera(page)
    assert abs(turned["x"] - dragged["x"]) + abs(turned["y"] - dragged["y"]) > 0.05
    # What is in colour changes, and the view stays.
    button = page.locator("[data-chooses] button").nth(2)
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    colors = page.evaluate("new Set(document.getElementById('plot-sphere').data[2].marker.color).size")
    assert colors == 2 and camera(page)["x"] == pytest.approx(turned["x"], abs=1e-3)


def test_a_phone_scrolls_in_one_direction_only(open_page: Callable[..., Opened]) -> None:
    opened = open_page(width=390, is_mobile=True, has_touch=True)
    opened.draw_all()
    for width in (390, 360):
        opened.page.set_viewport_size({"width": width, "height": 800})
        opened.page.wait_for_timeout(200)
        assert opened.page.evaluate("document.documentElement.scrollWidth") == width
    assert opened.seen.errors == []


def test_dark_and_light_differ_also_in_what_is_drawn_already(open_page: Callable[..., Opened]) -> None:
    opened = open_page(color_scheme="light")
    opened.draw("plot-loss")
    page = opened.page
    background = "getComputedStyle(document.body).backgroundColor"
    ink = "document.getElementById('plot-loss').querySelector('.xtick text').style.fill"
    light = page.evaluate(background), page.evaluate(ink)
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(200)
    dark = page.evaluate(background), page.evaluate(ink)
    assert light[0] != dark[0] and light[1] != dark[1]


def test_on_paper_every_plot_is_drawn_and_the_sphere_lies_flat(open_page: Callable[..., Opened]) -> None:
    opened = open_page(color_scheme="dark")
    printed = opened.page.pdf(format="A4")
    assert printed.startswith(b"%PDF") and opened.seen.errors == []
    undrawn = opened.page.evaluate(f"{IDENTITIES}.filter((key) => !document.getElementById(key).data)")
    assert undrawn == ["plot-sphere"]
    opened.page.emulate_media(media="print")
    assert opened.page.locator(".static svg").is_visible() and not opened.page.locator(".turning").is_visible()


def test_without_a_script_tables_and_the_flat_sphere_are_there(open_page: Callable[..., Opened]) -> None:
    page = open_page(java_script_enabled=False).page
    assert page.locator(".static svg").is_visible() and page.locator("table").count() > 8
    assert not page.locator(".plot").first.is_visible()
