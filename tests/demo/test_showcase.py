"""The demo's page: what it shows is what the model was given, and right is what is right."""

import numpy as np

from steradian.demo.emoji import CREDITS, Emoji, query_and_gallery
from steradian.demo.showcase import NEIGHBORS, SHOWN, showcase_page


def test_the_page_marks_what_is_right_and_shows_only_what_was_given(shapes: list[Emoji]) -> None:
    queries, gallery = query_and_gallery(shapes)
    perfect = np.eye(len(shapes))
    page = showcase_page(
        queries,
        gallery,
        query_vectors=lambda modalities: perfect,
        gallery_vectors=lambda modalities: perfect,
        queries_a_section=4,
    )
    assert page.count("<article>") == 4 * len(SHOWN)
    assert page.count('<li class="right">') == 4 * len(SHOWN)
    assert page.count('<li class="wrong">') == 4 * len(SHOWN) * (NEIGHBORS - 1)
    name_only = page[page.index("Name only") :]
    assert name_only.count("no picture") == 4
    assert name_only.count("no name") == 4 * NEIGHBORS
    assert "0.00 rad" in page and "1.57 rad" in page
    assert all(line.split(",")[0] in page.replace("&#x27;", "'") for line in CREDITS)


def test_a_page_of_few_emoji_shows_what_there_is(shapes: list[Emoji]) -> None:
    queries, gallery = query_and_gallery(shapes[:5])
    eye = np.eye(5)
    page = showcase_page(queries, gallery, query_vectors=lambda m: eye, gallery_vectors=lambda m: eye)
    assert page.count("<article>") == 3
    assert page.count("<li") == 3 * 5
