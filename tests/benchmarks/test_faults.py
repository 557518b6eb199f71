"""A few cases of every fuzzer; a fuzzer of faults finds them."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import strategies as st

from benchmarks import faults


@pytest.mark.parametrize("name", faults.FUZZERS)
def test_a_few_cases_of_each_fuzzer_end_well(name: str) -> None:
    found = faults.cases_of(name, 0, 8)
    assert found.cases >= 5 and found.faults == Counter()


def test_faults_are_counted_by_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def case(number: int) -> None:
        if number > 50:
            raise KeyError("beyond")

    fuzzer: Any = {"own": lambda: (case, (st.integers(0, 100),))}
    monkeypatch.setattr(faults, "FUZZERS", fuzzer)
    found = faults.cases_of("own", 0, 60)
    assert found.cases >= 50 and found.faults == Counter({"KeyError at ?: 'beyond'": found.faults.total()})
    assert 0 < found.faults.total() < found.cases


def test_a_case_that_hangs_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def case(number: int) -> None:
        while number == 0:
            pass

    fuzzer: Any = {"own": lambda: (case, (st.just(0),))}
    monkeypatch.setattr(faults, "FUZZERS", fuzzer)
    monkeypatch.setattr(faults, "LONGEST", 0.05)
    found = faults.cases_of("own", 0, 1)
    assert found.faults.total() == 1 and next(iter(found.faults)).startswith("TimeoutError")
