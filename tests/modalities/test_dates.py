"""Dates as days and calendar parts, against the standard library."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.modalities.dates import calendar, datetimes_to_days, to_days


@pytest.mark.parametrize(
    ("cell", "days"),
    [
        (date(1970, 1, 2), 1.0),
        (datetime(1970, 1, 2, 18), 1.75),
        (datetime(1970, 1, 2, 18, tzinfo=UTC), 1.75),
        (datetime(1970, 1, 2, 18, tzinfo=timezone(timedelta(hours=6))), 1.5),
        (np.datetime64("1970-01-02T06"), 1.25),
        ("1970-01-02", 1.0),
        (" 1969-12-31 ", -1.0),
        ("1970-01-02T06:00", 1.25),
        ("1970-01-02 06:00:00", 1.25),
        ("1970-01-02T06:00Z", 1.25),
        ("1970-01-02T06:00:00.000+06:00", 1.0),
        (date(9999, 12, 31), 2_932_896.0),
        ("9999-12-31T18:00-12:00", 2_932_897.25),
        (datetime(1, 1, 1, 6, tzinfo=timezone(timedelta(hours=12))), -719_162.25),
    ],
)
def test_every_form_of_date(cell: Any, days: float) -> None:
    assert to_days(cell) == pytest.approx(days, abs=1e-9)


@pytest.mark.parametrize(
    "cell", ["", "soon", "2024", "20240531", "31.05.2024", "2024-13-01", "2024-02-30", "2024-05-31x", 3, 1.5, None, []]
)
def test_what_is_no_date(cell: Any) -> None:
    assert to_days(cell) is None


def slow_calendar(moment: datetime) -> list[float]:
    year, days = moment.year, 366 if moment.year % 4 == 0 and (moment.year % 100 or moment.year % 400 == 0) else 365
    midnight = datetime(moment.year, moment.month, moment.day)
    turns = [moment.weekday() / 7, (midnight - datetime(year, 1, 1)).days / days, (moment - midnight) / timedelta(1)]
    return [part for turn in turns for part in (math.sin(2 * math.pi * turn), math.cos(2 * math.pi * turn))]


@given(st.lists(st.datetimes(min_value=datetime(1600, 1, 1), max_value=datetime(2400, 1, 1)), min_size=1, max_size=8))
def test_calendar_parts_are_those_of_the_standard_library(moments: list[datetime]) -> None:
    days = datetimes_to_days(np.array(moments, dtype="datetime64[us]"))
    np.testing.assert_allclose(days, [to_days(moment) for moment in moments], rtol=0, atol=1e-9)
    # A microsecond before midnight may be rounded to it.
    noons = [moment.replace(hour=min(moment.hour, 22)) for moment in moments]
    parts = calendar(np.array([to_days(moment) for moment in noons]))
    np.testing.assert_allclose(parts, [slow_calendar(moment) for moment in noons], atol=1e-5)


def test_no_day_has_no_parts() -> None:
    parts = calendar(np.array([np.nan, 0.0, np.nan]))
    assert np.isnan(parts).all(axis=1).tolist() == [True, False, True]
    assert calendar(np.array([])).shape == (0, 6)
    np.testing.assert_array_equal(datetimes_to_days(np.array(["NaT"], dtype="datetime64[D]")), [np.nan])
