"""Statements that run on the driver say so where they could not."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy.schema import CreateTable

from broker.store.statements import Prepared, driver
from broker.store.tables import counter


def test_only_what_reads_or_changes_rows_is_prepared() -> None:
    with pytest.raises(TypeError, match="not a statement"):
        Prepared(CreateTable(counter))


def test_another_driver_than_sqlites_is_refused() -> None:
    connection = SimpleNamespace(connection=SimpleNamespace(driver_connection=object()))
    with pytest.raises(TypeError, match="not on sqlite3"):
        driver(cast("Any", connection))
