"""What is demanded of a server, and of whoever reaches it: durability, its certificate, a password, roles."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from broker.errors import LogUnavailable
from broker.model.secret import SecretFile
from broker.model.stores import PostgresqlStore
from broker.store.database import Database
from broker.store.engines.postgresql.dialling import dialled
from broker.store.engines.postgresql.turns import key_of
from broker.store.place import Reserve
from broker.store.pruning import prune
from broker.store.transaction import Transaction
from tests.support.authority import Authority
from tests.support.clock import HandClock
from tests.support.deadline import eventually
from tests.support.log_keys import LOG_KEYS
from tests.support.postgres_server import DATABASE, PASSWORD, PostgresServer
from tests.support.postgres_stores import append, configured, end_sessions, over_tcp
from tests.support.records import KEY, issued, open_book
from tests.support.whole_log import check_tree

ROOT = Path(__file__).parents[2]


@pytest.fixture
def database(store: PostgresqlStore, clock: HandClock) -> Iterator[Database]:
    database = Database.open(store, clock, LOG_KEYS)
    yield database
    database.close()


@pytest.mark.parametrize("level", ["off", "local"])
def test_a_server_that_acknowledges_before_it_is_safe_is_refused_at_once_and_heals(
    server: PostgresServer, store: PostgresqlStore, database: Database, clock: HandClock, level: str
) -> None:
    standbys = "standby1" if level == "local" else ""
    with configured(server, synchronous_commit=level, synchronous_standby_names=standbys):
        assert "synchronous_commit" in database.problem()
        with pytest.raises(LogUnavailable, match=f"synchronous_commit {level}"):
            append(database)
        with pytest.raises(LogUnavailable, match=f"synchronous_commit {level}"):
            Database.open(store, clock, LOG_KEYS)
    assert eventually(lambda: not database.problem())
    assert append(database) == 0
    assert database.healthy()


def test_a_server_that_does_not_flush_is_refused(
    server: PostgresServer, store: PostgresqlStore, clock: HandClock
) -> None:
    server.stop()
    server.start(fsync="off")
    with pytest.raises(LogUnavailable, match="fsync off"):
        Database.open(store, clock, LOG_KEYS)
    server.stop()
    server.start()
    Database.open(store, clock, LOG_KEYS).close()


def test_a_schema_in_which_everybody_may_make_tables_is_refused(
    server: PostgresServer, store: PostgresqlStore, clock: HandClock
) -> None:
    server.sql(f"GRANT CREATE ON SCHEMA {store.user} TO PUBLIC", DATABASE)
    with pytest.raises(LogUnavailable, match="REVOKE CREATE"):
        Database.open(store, clock, LOG_KEYS)


def test_the_servers_certificate_is_verified_and_so_is_its_name(
    server: PostgresServer, store: PostgresqlStore, clock: HandClock, tmp_path: Path
) -> None:
    verified = replace(over_tcp(store, server.port), ca_file=server.ca_file)
    database = Database.open(verified, clock, LOG_KEYS)
    encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    assert database.read(lambda c: c.exec_driver_sql(encrypted).scalar_one()) is True
    database.close()
    with pytest.raises(LogUnavailable, match="certificate verify failed"):
        Database.open(replace(verified, ca_file=Authority(tmp_path).anchor), clock, LOG_KEYS)
    with pytest.raises(LogUnavailable, match="does not match host name"):
        Database.open(replace(verified, host="127.0.0.2"), clock, LOG_KEYS)


def test_a_changed_password_is_picked_up_and_a_wrong_one_never_told(
    server: PostgresServer, store: PostgresqlStore, clock: HandClock, tmp_path: Path
) -> None:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    database = Database.open(replace(store, password=SecretFile(secret)), clock, LOG_KEYS)
    secret.write_text("canary-of-a-wrong-password")
    end_sessions(server, store)
    with pytest.raises(LogUnavailable, match="password authentication failed") as refused:
        append(database)
    assert "canary" not in str(refused.value)
    secret.unlink()
    with pytest.raises(LogUnavailable, match="the password of the store: secret file"):
        append(database)
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    assert append(database) == 0
    database.close()


def test_a_turn_is_an_advisory_lock_that_ends_with_its_session(
    server: PostgresServer, database: Database
) -> None:
    key = key_of("apply")
    at_key = f"(classid::bigint << 32) + objid::bigint = {key}"
    held = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND {at_key}"
    with database.turn("apply", 0) as mine, database.turn("apply", 0.05) as again:
        assert (mine, again) == (True, False)
        ((holder,),) = server.sql(held)
        server.sql(f"SELECT pg_terminate_backend({holder})")
        with database.turn("apply", 5) as after:
            assert after
    assert eventually(lambda: server.sql(held) == [])


def execute(statement: str, transaction: Transaction) -> None:
    transaction.connection.exec_driver_sql(statement)


def documented(number: int) -> list[str]:
    """The statements of one of the blocks of SQL in docs/postgresql.md."""
    page = (ROOT / "docs" / "postgresql.md").read_text()
    return page.split("```sql\n")[number].split("```")[0].replace("\\connect cim_broker\n", "").split(";\n")


def test_the_documented_roles_keep_the_log_from_the_service_that_writes_it(
    server: PostgresServer, clock: HandClock, tmp_path: Path
) -> None:
    for statement in documented(1):
        server.sql(statement, "cim_broker" if "SCHEMA" in statement else "postgres")
    secrets = {"cim_owner": "one", "cim_broker": "another"}
    for role, secret in secrets.items():
        (tmp_path / role).write_text(secret)
        (tmp_path / role).chmod(0o600)
    of = {
        role: PostgresqlStore(
            str(server.folder), server.port, "cim_broker", role, SecretFile(tmp_path / role), None
        )
        for role in secrets
    }
    Database.open(of["cim_owner"], clock, LOG_KEYS).close()
    with dialled(of["cim_owner"]) as owner:
        for statement in documented(2):
            owner.execute(statement.encode())
    book = open_book(of["cim_broker"], clock)
    attempt, intent = book.begin(KEY)
    book.ledger.conclude(attempt, intent, issued(clock))
    book.begin()
    clock.advance(5000)
    assert book.orphans.run() == 1
    assert prune(book.database) == 0
    for change in (
        "DELETE FROM record",
        "UPDATE record SET leaf = ''",
        "TRUNCATE record CASCADE",
        "DELETE FROM terminal",
        "DELETE FROM head",
        "DELETE FROM tile",
        "DROP TABLE record",
    ):
        with pytest.raises(LogUnavailable, match="InsufficientPrivilege"):
            book.database.write(Reserve.NONE, partial(execute, change))
    check_tree(book.database)
    book.database.close()
