"""Figures: medians, shares, verdicts, and how they are shown."""

from __future__ import annotations

import json

import msgspec
import pytest

from tocsin.bench.figure import COLUMNS, Group, Machine, Measured, Report, at_least, at_most, figure, number, row
from tocsin.bench.spread import median, percentile

MACHINE = Machine(
    cores=2, processor="x", memory_mb=1, kernel="6", python="3.11", database="18", flush_ms=0.1, driver="wrk"
)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.99, 0.0), ([7.0], 0.99, 7.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0), (list(range(1, 101)), 0.99, 99)],
)
def test_a_percentile_is_one_of_the_values(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


def test_one_long_wait_in_a_few_is_not_hidden() -> None:
    assert percentile([0.001] * 50 + [9.0], 0.99) == 9.0
    assert median([]) == 0.0


def test_the_share_is_the_median_of_the_rounds_own_ratios() -> None:
    made = figure("rate", "events/s", [Measured(50, 100), Measured(90, 100), Measured(30, 50)], goal=at_least(60))
    assert (made.measured, made.lowest, made.highest) == (50, 30, 90)
    assert made.share == 0.6
    assert made.verdict == "misses"


def test_a_goal_is_met_at_its_very_value() -> None:
    assert figure("wait", "ms", [Measured(30)], goal=at_most(30)).verdict == "holds"
    assert figure("wait", "ms", [Measured(30.1)], goal=at_most(30)).verdict == "misses"
    assert figure("rate", "/s", [Measured(6000)], goal=at_least(6000)).verdict == "holds"
    assert not figure("wait", "ms", [Measured(30)]).verdict


@pytest.mark.parametrize(
    ("value", "shown"), [(12_700.4, "12,700"), (99.95, "100"), (10.9, "10.9"), (0.614, "0.61"), (0, "0"), (30.0, "30")]
)
def test_numbers_have_no_more_digits_than_were_measured(value: float, shown: str) -> None:
    assert number(value) == shown


def test_a_report_is_a_table_for_people_and_json_for_programs() -> None:
    made = figure("p99", "ms", [Measured(10, 5), Measured(20, 5)], goal=at_most(12), ceiling_is="bare")
    report = Report("1", quick=True, rounds=2, machine=MACHINE, groups=(Group("page", "says", (made,), ("so",)),))
    assert row(made) == ("p99", "15 ms", "10 to 20", "≤ 12", "5 (bare)", "3.0 times", "misses")
    assert all(len(each) == len(COLUMNS) for each in report.rows())
    assert report.missed == ("p99",)
    assert report.notes() == ["page: so"]
    assert "quick look" in report.heading()
    assert json.loads(msgspec.json.encode(report))["groups"][0]["figures"][0]["rounds"] == [10, 20]
