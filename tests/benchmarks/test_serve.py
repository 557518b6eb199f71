"""The load's own sums; the load itself is run by hand."""

import json

import numpy as np
import pytest

from benchmarks import serve


def test_growth_compares_the_ends_of_the_last_three_quarters() -> None:
    load = serve.Load(memory=[(sent, 100 + (900 if sent < 25 else sent // 10)) for sent in range(101)])
    assert load.growth == pytest.approx(np.median(range(93, 101)) // 10 / 102 - 2 / 102, abs=0.02)
    assert serve.Load(memory=[(sent, 7) for sent in range(9)]).growth == 0


def test_good_requests_are_whole_and_hostile_ones_are_of_every_kind() -> None:
    picture = serve._picture(0, 1)
    assert picture.startswith(b"\xff\xd8") and picture == serve._picture(0, 1) != serve._picture(1, 1)
    hostile = serve._hostile(json.dumps({"rows": [{"photo": "QUFBQUFBQUE="}]}).encode())
    assert len(hostile) > 20 and max(len(body) for _, body, _ in hostile) > 16 << 20
    assert {path for path, _, _ in hostile} > {"/embed", "/../../etc/passwd"}
