"""What the server has done so far, in the text that Prometheus reads."""

from collections import Counter, defaultdict

__all__ = ["Counters"]

_SECONDS = 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0
"""Upper ends of the histogram's bins."""


class Counters:
    """Counts of requests by path and status, their seconds, and the model's batches. Used by the event loop alone.

    Examples:
        >>> counters = Counters()
        >>> counters.count_request("/embed", status=200, seconds=0.02)
        >>> counters.text().splitlines()[2]
        'steradian_requests_total{path="/embed",status="200"} 1'
    """

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._bins: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(_SECONDS) + 1))
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._batches, self._rows, self._waiting = 0, 0, 0

    def count_request(self, path: str, *, status: int, seconds: float) -> None:
        """Count one request that was answered.

        Args:
            path: of a route, not as it was asked for: so there are few.
            status: of the answer.
            seconds: it took.
        """
        self._requests[path, status] += 1
        self._seconds[path] += seconds
        self._bins[path][sum(seconds > end for end in _SECONDS)] += 1

    def count_batch(self, *, rows: int, waiting: int) -> None:
        """Count one batch.

        Args:
            rows: of it.
            waiting: requests that wait when it has ended.
        """
        self._batches, self._rows, self._waiting = self._batches + 1, self._rows + rows, waiting

    def text(self) -> str:
        """All counts, in Prometheus' text format 0.0.4."""
        lines = _head("requests_total", "counter", "Requests answered.")
        for (path, status), count in sorted(self._requests.items()):
            lines.append(f'steradian_requests_total{{path="{path}",status="{status}"}} {count}')
        lines += _head("request_seconds", "histogram", "Seconds from a request's head to its answer's end.")
        for path, bins in sorted(self._bins.items()):
            ends = [*map(str, _SECONDS), "+Inf"]
            for place, end in enumerate(ends, 1):
                lines.append(f'steradian_request_seconds_bucket{{path="{path}",le="{end}"}} {sum(bins[:place])}')
            lines.append(f'steradian_request_seconds_sum{{path="{path}"}} {self._seconds[path]:.6f}')
            lines.append(f'steradian_request_seconds_count{{path="{path}"}} {sum(bins)}')
        lines += _head("batches_total", "counter", "Batches the model has answered.")
        lines.append(f"steradian_batches_total {self._batches}")
        lines += _head("rows_total", "counter", "Objects in these batches.")
        lines.append(f"steradian_rows_total {self._rows}")
        lines += _head("waiting", "gauge", "Requests that waited for the model when the last batch had ended.")
        return "\n".join([*lines, f"steradian_waiting {self._waiting}", ""])


def _head(name: str, kind: str, help: str) -> list[str]:
    return [f"# HELP steradian_{name} {help}", f"# TYPE steradian_{name} {kind}"]
