"""The store fails at each statement of an intent and of an outcome, before or after it did it."""

from pathlib import Path

import pytest

from tests.support.commit_faults import NOT_PERSISTED, PERSISTED, When
from tests.support.failing_steps import fail_each
from tests.support.log_steps import Write, check_told
from tests.support.postgres_server import PostgresServer

both = pytest.mark.parametrize("when", [NOT_PERSISTED, PERSISTED], ids=["not persisted", "persisted"])


@both
@pytest.mark.parametrize("write", Write)
def test_whatever_statement_fails_the_log_stays_whole_and_goes_on(
    tmp_path: Path, write: Write, when: When
) -> None:
    check_told(list(fail_each(lambda number: tmp_path / f"{number}.db", write, when)))


@pytest.mark.soak
@both
@pytest.mark.parametrize("write", Write)
def test_whatever_statement_fails_in_postgresql_the_log_stays_whole_and_goes_on(
    postgres: PostgresServer, write: Write, when: When
) -> None:
    check_told(list(fail_each(lambda _: postgres.new_store(), write, when)))
