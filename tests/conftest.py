"""For all tests: no setting of the machine or of another test leaks in, and in CI nothing may be skipped."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Final

import pytest
import structlog
from hypothesis import HealthCheck, settings

IN_CI: Final = os.environ.get("CI") == "true"

# Tests are never timed: the machines that run them are shared.
settings.register_profile("relay", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("relay")

for name in [name for name in os.environ if name.startswith("RELAY_")]:
    del os.environ[name]


@pytest.fixture(autouse=True)
def log_as_it_is_by_itself() -> Generator[None, None, None]:
    """Where one test has sent the log, the next looks for nothing."""
    yield
    structlog.reset_defaults()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those with real peers first: they mostly wait, and what computes fills the time and ends evenly."""
    items.sort(key=lambda item: item.get_closest_marker("integration") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip says "this machine cannot tell"; CI's machine has to be able to."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not accept: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if IN_CI and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not accept: {report.longrepr}"
    return report
