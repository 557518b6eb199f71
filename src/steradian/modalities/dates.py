"""Dates as numbers: days since 1970, and where a day stands in its week and its year."""

import re
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

__all__ = ["CALENDAR_PARTS", "calendar", "datetimes_to_days", "to_days"]

CALENDAR_PARTS = 6
"""Sine and cosine of the day of the week, of the day of the year and of the time of day."""

ISO_DATE = re.compile(r"\s*(\d{4}-\d\d-\d\d([T ]\d\d:.*)?)\s*")
EPOCH, DAY = datetime(1970, 1, 1), timedelta(days=1)


def to_days(cell: Any) -> float | None:
    """Days since 1970-01-01, in UTC where the cell has a time zone.

    Args:
        cell: a `date`, `datetime` or `datetime64`, or text such as 2024-05-31 or 2024-05-31T18:30Z.

    Returns:
        The days, or None if the cell is no date.

    Examples:
        >>> to_days("1970-01-02T12:00"), to_days(date(1969, 12, 31)), to_days("soon")
        (1.5, -1.0, None)
    """
    if isinstance(cell, str):
        iso = ISO_DATE.fullmatch(cell)
        try:
            cell = datetime.fromisoformat(iso[1]) if iso else None
        except ValueError:
            return None
    if isinstance(cell, np.datetime64):
        return float(datetimes_to_days(cell))
    if isinstance(cell, datetime):
        # In UTC it may lie before the first year or behind the last that a datetime holds.
        return (cell.replace(tzinfo=None) - EPOCH - (cell.utcoffset() or timedelta())) / DAY
    return float(cell.toordinal() - EPOCH.toordinal()) if isinstance(cell, date) else None


def datetimes_to_days(dates: np.ndarray | np.datetime64) -> np.ndarray:
    """Days since 1970-01-01 of datetime64 values, float64 of the same shape; NaN for NaT.

    Args:
        dates: datetime64, in any unit.

    Examples:
        >>> datetimes_to_days(np.array(["1970-01-02T12", "NaT"], dtype="datetime64[h]"))
        array([1.5, nan])
    """
    days: np.ndarray = np.where(np.isnat(dates), np.nan, dates.astype("datetime64[us]").astype(np.float64) / 86_400e6)
    return days


def calendar(days: np.ndarray) -> np.ndarray:
    """Where days lie in their week, their year and their day, each as a point on a circle.

    Args:
        days: since 1970-01-01, float64 [objects]; NaN where there is none.

    Returns:
        Sines and cosines float64 [objects, 6], NaN where there is no day.

    Examples:
        >>> calendar(np.array([3.0])).round(2) + 0.0  # Sunday, 4 January 1970, midnight
        array([[-0.78,  0.62,  0.05,  1.  ,  0.  ,  1.  ]])
    """
    parts = np.full((len(days), CALENDAR_PARTS), np.nan)
    known = ~np.isnan(days)
    midnight = np.floor(days[known])
    dates = midnight.astype(np.int64).astype("datetime64[D]")
    year = dates.astype("datetime64[Y]")
    begin, end = year.astype("datetime64[D]"), (year + 1).astype("datetime64[D]")
    # The first of January 1970 was a Thursday, the fourth day of a week that begins on Monday.
    turns = [(midnight + 3) % 7 / 7, (dates - begin) / (end - begin), days[known] - midnight]
    angles = 2 * np.pi * np.stack(turns, axis=1)
    parts[known] = np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(-1, CALENDAR_PARTS)
    return parts
