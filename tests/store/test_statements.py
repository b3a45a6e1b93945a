"""Statements that run on the driver say so where they could not."""

import pytest
from sqlalchemy.schema import CreateTable

from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.statements import Prepared
from broker.store.tables import counter


def test_only_what_reads_or_changes_rows_is_prepared(database: Database) -> None:
    prepared = Prepared(CreateTable(counter))
    with pytest.raises(TypeError, match="not a statement"):
        database.write(Reserve.NONE, lambda t: prepared.run(t.connection, {}))
