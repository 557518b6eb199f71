"""The scores of the demo against obvious reckoning, and the table."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from steradian.demo.comparison import QUESTIONS, comparison_table, score_answers, score_questions


def test_scores_equal_counting_by_hand(rng: np.random.Generator) -> None:
    cosines = rng.uniform(-1, 1, (30, 30))
    ranks = [1 + sum(cosines[i, j] > cosines[i, i] for j in range(30)) for i in range(30)]
    assert score_answers(cosines) == pytest.approx(
        {
            "recall@1": np.mean([rank == 1 for rank in ranks]),
            "recall@5": np.mean([rank <= 5 for rank in ranks]),
            "mrr": np.mean([1 / rank for rank in ranks]),
        }
    )


def test_equal_cosines_score_as_chance_does() -> None:
    assert score_answers(np.zeros((50, 50))) == pytest.approx(
        {"recall@1": 1 / 50, "recall@5": 5 / 50, "mrr": np.mean(1 / np.arange(1, 51))}
    )


def test_every_question_uses_only_what_it_names(rng: np.random.Generator) -> None:
    asked: list[tuple[str, tuple[str, ...]]] = []
    vectors = csr_matrix(np.eye(6))

    def side(name: str, modalities: tuple[str, ...]) -> csr_matrix:
        asked.append((name, modalities))
        return vectors

    scores = score_questions(lambda m: side("query", m), lambda m: side("gallery", m))
    assert asked == [pair for q in QUESTIONS for pair in (("query", q.query), ("gallery", q.gallery))]
    assert {score["recall@1"] for score in scores.values()} == {1.0}


def test_the_table_fits_eighty_columns_and_names_every_question() -> None:
    scores = {question.title: {"recall@1": 1.0, "recall@5": 1.0, "mrr": 1.0} for question in QUESTIONS}
    lines = comparison_table({"plain baseline": scores, "steradian": scores}).splitlines()
    assert max(map(len, lines)) <= 80
    assert len({len(line) for line in lines}) == 1
    assert [line[:34].strip() for line in lines[2:]] == [question.title for question in QUESTIONS]
    assert lines[2].split()[-4:] == ["100.0"] * 4
