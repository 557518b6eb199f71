"""The demo's page: queries drawn at random and the model's nearest neighbors."""

from collections.abc import Sequence

import numpy as np

from steradian.demo.comparison import BOTH, Question, Vectors
from steradian.demo.emoji import CREDITS, EmojiObject
from steradian.demo.neighbors_page import PageNeighbor, PageObject, PageRow, PageSection, neighbors_page
from steradian.metrics import to_angles

__all__ = ["showcase_page"]

NEIGHBORS = 6
SHOWN = (
    (Question("Picture and name", BOTH, BOTH), "The other artist's drawing and a name in another language."),
    (Question("Picture only", ("picture",), ("picture",)), "Among the other artist's drawings, without any name."),
    (Question("Name only", ("name",), ("picture",)), "Among drawings without any name."),
)


def showcase_page(
    queries: Sequence[EmojiObject],
    gallery: Sequence[EmojiObject],
    *,
    query_vectors: Vectors,
    gallery_vectors: Vectors,
    queries_a_section: int = 8,
    random_state: int = 0,
) -> str:
    """The page as HTML.

    Args:
        queries: objects that may be looked for.
        gallery: objects to find; row i is of the same emoji as query i.
        query_vectors: the queries' unit vectors by modalities.
        gallery_vectors: the gallery's.
        queries_a_section: how many queries each kind of question shows, as far as there are enough.
        random_state: of the draw of queries.
    """
    most = min(queries_a_section, len(queries) // len(SHOWN))
    drawn = np.random.default_rng(random_state).permutation(len(queries))[: most * len(SHOWN)].reshape(len(SHOWN), most)
    sections = []
    for (question, lead), rows in zip(SHOWN, drawn, strict=True):
        cosines = query_vectors(question.query)[rows] @ gallery_vectors(question.gallery).T
        nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :NEIGHBORS]
        found = [
            PageRow(
                _shown(queries[row], question.query),
                [
                    PageNeighbor(
                        _shown(gallery[other], question.gallery),
                        angle=float(to_angles(cosines[number, other])),
                        right=bool(other == row),
                    )
                    for other in nearest[number]
                ],
            )
            for number, row in enumerate(rows)
        ]
        sections.append(PageSection(question.title, lead, found))
    return neighbors_page(
        "Emoji the model never saw, and what it finds for them",
        f"Each row is a query, drawn at random, and its {NEIGHBORS} nearest of {len(gallery):,} emoji, none of which "
        "the model met in training. The query shows Twemoji's drawing, the neighbors OpenMoji's; one neighbor at most "
        "is right, and its name is in another language than the query's. Below each name stands the English one, for "
        "the reader alone. Angles are in radians: 0 is the same direction, 1.57 a right angle.",
        sections=sections,
        credits=CREDITS,
    )


def _shown(shown: EmojiObject, modalities: Sequence[str]) -> PageObject:
    """Only what the model was given."""
    emoji, artist, language = shown
    return PageObject(
        label=emoji.names["en"],
        picture=emoji.drawings[artist] if artist is not None and "picture" in modalities else None,
        text=emoji.names[language] if language is not None and "name" in modalities else None,
    )
