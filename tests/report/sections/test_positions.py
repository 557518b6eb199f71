"""Angles, the sphere's packed points, and the closest pairs of centers beside a plain search for them."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from steradian.report.measurements import Measurements
from steradian.report.sections import positions as module
from steradian.report.sections.positions import angle_section, center_section, sphere_section


def packed(body: str, key: str) -> dict[str, object]:
    (text,) = re.findall(rf'id="{key}-data">(.*?)</script>', body)
    found: dict[str, object] = json.loads(text)
    return found


def test_histograms_and_their_numbers_are_shown(findings: Measurements) -> None:
    assert findings.angles is not None
    body = angle_section(findings).body
    assert f"Overlap {findings.angles.overlap:.3f}" in body and f"{findings.angles.between_mean:.3f}" in body
    assert len(packed(body, "plot-angles")["data"]) == 2  # type: ignore[arg-type]
    assert "nothing to compare" in angle_section(replace(findings, angles=None)).body


def test_points_come_back_with_whose_they_are(findings: Measurements) -> None:
    shown = findings.sphere
    assert shown is not None
    found = packed(sphere_section(findings).body, "plot-sphere")
    points = np.frombuffer(base64.b64decode(str(found["points"])), dtype="<f4").reshape(-1, 3)
    assert np.allclose(points[: len(shown.rows)], shown.projection.points, atol=1e-6)
    assert np.allclose(points[len(shown.rows) :], shown.projection.centers, atol=1e-6)
    assert found["labels"] == shown.labels.tolist()
    assert not [text for text in (*found["classes"], *found["ids"]) if "<" in text]  # type: ignore[misc]
    assert found["judged"] and found["nearest"] == "predicted"


def test_the_distortion_is_stated_where_there_is_any(
    findings: Measurements, plain_findings: Callable[..., Measurements]
) -> None:
    assert "Half of all angles differ by less than" in sphere_section(findings).body
    assert "all angles are true" in sphere_section(plain_findings(["a", "b"] * 9, ["a", "b"] * 3, embedding_dim=3)).body
    assert "fewer than three points" in sphere_section(replace(findings, sphere=None)).body


def test_few_classes_have_buttons_and_many_a_list(findings: Measurements, monkeypatch: pytest.MonkeyPatch) -> None:
    few = sphere_section(findings).body
    assert few.count("<button") >= 5 + 1 and "<select" not in few
    monkeypatch.setattr(module, "CHIPS", 2)
    many = sphere_section(findings).body
    assert "<button" not in many and many.count("<option") >= 5 + 1


@pytest.mark.parametrize("middle", [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0], [0.6, -0.8, 0.0], [0.0, 0.0, 0.0]])
def test_the_view_is_towards_the_points_and_never_from_a_pole(middle: list[float]) -> None:
    eye = np.array(list(module._eye(np.array([middle])).values()))
    assert np.linalg.norm(eye) == pytest.approx(1.38)
    assert abs(eye[2]) < 1.38 * 0.85
    assert eye @ middle >= 0.8 * 1.38 * np.linalg.norm(middle)


@pytest.mark.parametrize("count", [2, 7, 1500])
def test_closest_pairs_are_those_of_a_plain_search(count: int, rng: np.random.Generator) -> None:
    centers = rng.normal(size=(count, 4))
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    found = module._closest_pairs(centers, 12)
    if count > 100:
        cosines = np.triu(centers @ centers.T, k=1) - 2 * np.tri(count)
        expected = np.sort(cosines, axis=None)[::-1][:12]
        assert np.allclose(np.cos([angle for *_, angle in found]), expected)
    else:
        pairs = sorted(combinations(range(count), 2), key=lambda pair: -(centers[pair[0]] @ centers[pair[1]]))[:12]
        assert [pair[:2] for pair in found] == pairs


def test_close_classes_stand_together_in_the_map() -> None:
    angles = np.array([0.0, 2.0, 0.1, 2.1, 0.2, 2.2])
    order = module._kin_order(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert np.count_nonzero(np.diff(angles[order] > 1)) == 1


def test_many_classes_have_a_table_alone(findings: Measurements, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "plot-centers" in center_section(findings).body
    monkeypatch.setattr(module, "HEAT", 3)
    many = center_section(findings).body
    assert "plot-centers" not in many and many.count("°") == 10
