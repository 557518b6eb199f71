"""Counts as Prometheus reads them: every line a comment or a number, bins that add up."""

import re

from steradian.serve.counters import Counters

LINE = re.compile(r'# (?:HELP|TYPE) \w+ .+|[a-z_]+(?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? [0-9.]+')


def test_the_text_is_prometheus() -> None:
    counters = Counters()
    for seconds in (0.001, 0.02, 20.0):
        counters.count_request("/embed", status=200, seconds=seconds)
    counters.count_request("other", status=404, seconds=0.1)
    counters.count_batch(rows=5, waiting=2)
    counters.count_batch(rows=1, waiting=0)
    text = counters.text()
    assert text.endswith("\n")
    lines = text.splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert 'steradian_requests_total{path="/embed",status="200"} 3' in lines
    assert 'steradian_requests_total{path="other",status="404"} 1' in lines
    bins = [
        int(line.split()[-1]) for line in lines if line.startswith('steradian_request_seconds_bucket{path="/embed"')
    ]
    assert bins == [1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3]
    assert 'steradian_request_seconds_sum{path="/embed"} 20.021000' in lines
    assert {"steradian_batches_total 2", "steradian_rows_total 6", "steradian_waiting 0"} <= set(lines)
