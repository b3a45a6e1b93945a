"""What holds for every test: in CI nothing is skipped, but for want of what no repository may hold."""

import os
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from tests.support.postgres_server import PostgresServer

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


NOT_OURS_TO_SHIP = "the recordings of real vCenters are not part of the repository"
"""The one reason for a skip in CI: nothing that `make test` could install would provide them."""


def pytest_configure() -> None:
    """What tests start keeps its bytecode, whatever the shell says: or each would compile all it imports."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Examples made up by the hundred go through the same lines again and again: they are not measured."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.no_cover)


def failed_if_skipped(report: Report, environment: Mapping[str, str]) -> Report:
    """Where CI=true, a skip is a failure that gives the skip's reason; an expected failure stays one."""
    if environment.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if reason.endswith(NOT_OURS_TO_SHIP):
            return report
        report.outcome = "failed"
        report.longrepr = f"nothing may be skipped in CI. {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return failed_if_skipped((yield), os.environ)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return failed_if_skipped((yield), os.environ)


@pytest.fixture(scope="session")
def postgres() -> "Iterator[PostgresServer]":
    """A PostgreSQL for all tests of this process, which leave it running."""
    from tests.support.postgres_server import running_server  # noqa: PLC0415 - for who has a store there

    with running_server() as server:
        yield server
