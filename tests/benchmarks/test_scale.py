import pytest

from benchmarks import scale
from benchmarks.scale import Cost, Training, fit_constants, kept_points


def test_constants_are_found_again() -> None:
    constants = dict(zip(scale.TERMS, (1e-2, 2e-4, 3e-5, 1e-10, 2e-9, 5e-3), strict=True))
    wire = {"bandwidth": 1e9, "latency": 1e-4}
    points = [
        {"classes": classes, "batch": batch, "ranks": ranks, "weights": 1000}
        for classes in (16, 4096, 65_536)
        for batch in (64, 256)
        for ranks in (1, 2)
    ]
    measured = [
        {
            **point,
            "work": Cost.of(
                Training(point["classes"], point["ranks"], point["batch"] // point["ranks"]), constants, **wire
            ).work,
        }
        for point in points
    ]
    assert fit_constants(measured) == pytest.approx(constants, rel=1e-6)


def test_the_measured_steps_of_one_rank_and_of_two_are_reproduced() -> None:
    points = kept_points()
    constants = fit_constants(points)
    assert {point["ranks"] for point in points} == {1, 2}
    told = [Cost.of(scale._of(point), constants, bandwidth=1e9, latency=0.0).work for point in points]
    assert told == [pytest.approx(point["work"], rel=0.2) for point in points]


def test_what_ranks_hold_and_send() -> None:
    one, two = Training(1_000_000), Training(1_000_000, ranks=2)
    assert one.memory - 16 * one.weights == 4 * 4 * 128e6 == 2 * (two.memory - 16 * two.weights)
    assert one.wire == 0 and two.wire > 4 * two.weights
    assert Training(100, ranks=8).slice == 100
    # Held to what a training has measured of its own class centers.
    for point in kept_points():
        assert scale._of(point).memory - 16 * point["weights"] == pytest.approx(point["center_bytes"], rel=0.01)


def test_the_table_prints_and_says_where_it_stops_being_linear(capsys: pytest.CaptureFixture[str]) -> None:
    scale.run(bandwidth=1.25e9, latency=1e-4)
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if "linear to 80% up to" in line]) == 5
    assert max(map(len, lines)) <= 120
