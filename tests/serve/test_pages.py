"""The pages: what is in them, and the search page in a real headless Chromium, as people use it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

import steradian as sr
from steradian.serve.pages import docs_page

pytestmark = pytest.mark.slow

CARDS = "#results li"


@pytest.fixture(scope="module")
def address(application: Callable[..., FastAPI]) -> Iterator[str]:
    """A server on the loopback interface."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(application(api_key="geheim", title="Pots"), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server.should_exit = True
        thread.join()


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens the search page in a window of its own kind; in the end it has asked no other server, without an error."""
    contexts, requests, errors = [], [], []

    def opened(*, width: int = 1100, key: str = "geheim", **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        context.add_init_script(f"sessionStorage.setItem('steradian-key', '{key}')")
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [url for url in requests if not url.startswith((address, "data:", "blob:"))] == []
    assert [error for error in errors if "status of 4" not in error] == []


def ids(page: Any) -> list[str]:
    return list(page.locator(f"{CARDS} .words").all_inner_texts())


def test_words_find_cards_that_weights_reorder(open_page: Callable[..., Any]) -> None:
    page = open_page()
    assert "45 objects" in page.locator("#status").inner_text()
    page.keyboard.press("/")
    page.keyboard.type("jar 2")
    page.keyboard.press("Enter")
    page.wait_for_selector(CARDS)
    assert page.locator(CARDS).count() == 12
    assert page.locator("#status").inner_text().startswith(("This is class jar", "This is unknown"))
    first = page.locator(CARDS).first
    assert first.locator("img").get_attribute("src").startswith("data:image/png")
    assert first.locator(".label").inner_text() == "jar" and "rad (" in first.locator(".angle").inner_text()
    assert first.locator("dt").all_inner_texts() == ["title"]
    page.fill("[name=view]", "[0, 0, 1]")
    page.locator("form").get_by_role("button", name="Search").click()
    page.wait_for_selector("#results li:first-child dt >> nth=1")
    before = ids(page)
    page.locator("[data-modality=view]").focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector("#results li:first-child .label:text-is('<b>pot')")
    assert ids(page) != before and page.locator("[data-modality=view] + output").inner_text() == "3"
    # A hostile class stands as words.
    assert page.locator("#results b").count() == 0


def test_a_picture_is_dropped_shown_and_removed(
    open_page: Callable[..., Any], picture: Callable[..., bytes], tmp_path: Path
) -> None:
    (tmp_path / "cup.png").write_bytes(picture("cup", 7))
    page = open_page()
    page.set_input_files("[name='my photo']", tmp_path / "cup.png")
    page.wait_for_selector(CARDS)
    assert page.locator(f"{CARDS} .label").first.inner_text() == "cup"
    preview = page.locator(".drop img")
    assert preview.is_visible() and page.evaluate("document.querySelector('.drop img').naturalWidth") == 24
    page.get_by_role("button", name="remove the picture").click()
    page.wait_for_selector(CARDS, state="detached")
    assert not preview.is_visible()
    page.evaluate(
        """async () => {
            const bytes = await (await fetch("health")).blob();
            const held = new DataTransfer();
            held.items.add(new File([bytes], "no picture.png", { type: "image/png" }));
            document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { dataTransfer: held, bubbles: true }));
        }"""
    )
    page.wait_for_selector("#status.wrong")
    assert "want a picture" in page.locator("#status").inner_text()


def test_arrow_keys_walk_through_the_cards_and_more_are_shown(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.fill("[name=title]", "cup")
    page.keyboard.press("Enter")
    page.wait_for_selector(CARDS)
    page.locator(CARDS).first.focus()
    place = "[...document.querySelectorAll('#results li')].indexOf(document.activeElement)"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(place) == 1
    page.keyboard.press("ArrowDown")
    below = page.evaluate(place)
    assert below > 2
    page.keyboard.press("ArrowUp")
    assert page.evaluate(place) == 1
    page.keyboard.press("End")
    assert page.evaluate(place) == 11
    page.get_by_role("button", name="Show more").click()
    page.wait_for_selector(f"{CARDS} >> nth=23")
    page.get_by_role("button", name="Clear").click()
    page.wait_for_selector(CARDS, state="detached")
    assert "45 objects" in page.locator("#status").inner_text()


def test_a_phone_scrolls_in_one_direction_and_the_dark_is_dark(open_page: Callable[..., Any]) -> None:
    page = open_page(width=400, is_mobile=True, has_touch=True, color_scheme="light")
    page.fill("[name=title]", "<b>pot 1")
    page.locator("form").get_by_role("button", name="Search").tap()
    page.wait_for_selector(CARDS)
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(background) != light
    for width in (400, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_missing_key_is_asked_for(open_page: Callable[..., Any]) -> None:
    page = open_page(key="")
    page.fill("[name=title]", "cup")
    page.keyboard.press("Enter")
    page.wait_for_selector("#key input:focus")
    assert "want the header" in page.locator("#status").inner_text()
    page.keyboard.type("geheim")
    page.keyboard.press("Enter")
    page.wait_for_selector(CARDS)


def test_the_pages_hold_no_markup_of_a_schema(client: TestClient, elements: Any) -> None:
    for path in ("/", "/docs"):
        found = elements(client.get(path).text)
        assert found.open == [] and "Pots & pans" in found.text
        assert all(source.get("src", "assets/").startswith("assets/") for source in found.found("script"))
    columns = {field["name"] for tag in ("input", "textarea") for field in found_fields(client, elements, tag)}
    assert columns == {"title", "my photo", "price", "shade", "view"}
    hostile = "<script>'\"&x"
    schema = sr.Schema({hostile: sr.Text(hostile), "photo": sr.Image("photo"), "sound": sr.Audio("sound")})
    page = elements(docs_page(hostile, [("/embed", "Vectors.", True)], schema))
    assert page.found("script") == [] and hostile in page.text


def found_fields(client: TestClient, elements: Any, tag: str) -> list[dict[str, Any]]:
    return [field for field in elements(client.get("/").text).found(tag) if "name" in field]
