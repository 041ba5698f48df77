"""The suite's one promise about itself: where everything is installed, nothing is skipped in silence."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

pytest_plugins = ["tests.town.fixtures"]

NO_SKIPS = os.environ.get("TOCSIN_NO_SKIPS") == "1"


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that says why the skip was asked for; an expected failure stays what it is."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"TOCSIN_NO_SKIPS=1: this test must run here, but it was skipped: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Refuse skips of single tests when the environment says that nothing may be missing.

    The official specification may not travel with the checkout, so tests of the comparison with it may do without.
    """
    report = yield
    if NO_SKIPS and item.get_closest_marker("contract") is None:
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Refuse skips of whole files when the environment says that nothing may be missing."""
    report = yield
    if NO_SKIPS:
        _refuse_skip(report)
    return report
