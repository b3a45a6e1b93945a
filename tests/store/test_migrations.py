"""The schema is made by migrations, is what the code believes in, and is refused where it is another."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from broker.errors import LogUnavailable
from broker.model.stores import PostgresqlStore, StoreLocation
from broker.store import schema
from broker.store.database import Database
from broker.store.engines.postgresql.dialling import dialled
from broker.store.place import Reserve
from broker.store.tables import REVISIONS, metadata
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS


def run(place: StoreLocation, statement: str) -> None:
    """Past the broker, as somebody else would."""
    if isinstance(place, PostgresqlStore):
        dialled(place).execute(statement.encode()).connection.close()
        return
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        connection.execute(statement)
    place.chmod(0o600)


def test_the_migrations_make_the_tables_that_the_code_believes_in(database: Database) -> None:
    def differences(connection: Connection) -> object:
        context = MigrationContext.configure(connection, opts={"version_table": REVISIONS})
        return compare_metadata(context, metadata)

    assert database.read(differences) == []


def test_the_newest_migration_is_the_revision_that_is_asked_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.REVISION]


def test_another_revision_is_refused_by_name(place: StoreLocation, clock: HandClock) -> None:
    Database.open(place, clock, LOG_KEYS).close()
    run(place, f"UPDATE {REVISIONS} SET version_num = '9999'")
    with pytest.raises(LogUnavailable, match=r"revision 9999, this broker knows revision \d{4}"):
        Database.open(place, clock, LOG_KEYS)


def test_a_database_of_another_program_is_left_alone(place: StoreLocation, clock: HandClock) -> None:
    run(place, "CREATE TABLE customers (id INTEGER)")
    with pytest.raises(LogUnavailable, match="another program"):
        Database.open(place, clock, LOG_KEYS)


def test_a_database_without_tables_is_no_store(place: StoreLocation, clock: HandClock) -> None:
    with pytest.raises(LogUnavailable, match="`broker roles apply`, `controller` and `serve` make"):
        Database.open_existing(place, clock, LOG_KEYS)
    Database.open(place, clock, LOG_KEYS).close()
    Database.open_existing(place, clock, LOG_KEYS).close()


@pytest.mark.parametrize("change", ["INSERT", "UPDATE", "DELETE"])
def test_what_entitles_moves_its_counter_whoever_changes_it(database: Database, change: str) -> None:
    statements = {
        "INSERT": "INSERT INTO disabled_grant (grant_id, at) VALUES ('other', 1)",
        "UPDATE": "UPDATE disabled_grant SET at = 2",
        "DELETE": "DELETE FROM disabled_grant",
    }

    def counted(statement: str) -> int:
        database.write(Reserve.NONE, lambda t: t.connection.exec_driver_sql(statement))
        asked = "SELECT value FROM counter WHERE name = 'entitlements'"
        return int(database.read(lambda c: c.exec_driver_sql(asked).scalar_one()))

    before = counted("INSERT INTO disabled_grant (grant_id, at) VALUES ('mine', 1)")
    assert counted(statements[change]) == before + 1
