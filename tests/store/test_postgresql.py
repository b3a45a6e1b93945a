"""What only a server does: it is lost amid a commit, killed, demoted, configured to forget."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from broker.errors import LogUnavailable
from broker.model.record import Event, Record
from broker.model.secret import SecretFile
from broker.model.stores import PostgresqlStore
from broker.store.database import Database
from broker.store.engines.postgresql import dialling
from broker.store.engines.postgresql.dialling import dialled
from broker.store.engines.postgresql.turns import key_of
from broker.store.log import StoredLog
from broker.store.place import Reserve
from broker.store.pruning import prune
from broker.store.transaction import Transaction
from tests.support.authority import Authority
from tests.support.clock import HandClock
from tests.support.commit_faults import NOT_PERSISTED, watched
from tests.support.deadline import eventually
from tests.support.log_keys import LOG_KEYS
from tests.support.postgres_server import DATABASE, PASSWORD, PostgresServer, running_server
from tests.support.records import KEY, issued, open_book
from tests.support.tcp_line import Cut, TcpLine
from tests.support.whole_log import check_tree

ROOT = Path(__file__).parents[2]
RECORD = Record(Event.PROCESS_STARTED, {"kind": "serve"})


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One that these tests may end, and find running."""
    with running_server() as server:
        yield server


@pytest.fixture
def store(server: PostgresServer) -> PostgresqlStore:
    return server.new_store()


@pytest.fixture
def database(store: PostgresqlStore, clock: HandClock) -> Iterator[Database]:
    database = Database.open(store, clock, LOG_KEYS)
    yield database
    database.close()


def append(database: Database) -> int:
    return database.write(Reserve.NONE, lambda transaction: transaction.append([RECORD])).start


def seqs(database: Database) -> list[int]:
    return [leaf.seq for leaf in StoredLog(database).leaves(0, 10_000)]


def over_tcp(store: PostgresqlStore, port: int) -> PostgresqlStore:
    return replace(store, host="127.0.0.1", port=port)


def end_sessions(server: PostgresServer, store: PostgresqlStore) -> None:
    """End every connection to the store, as a restart of the server would, and wait until they are gone."""
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{store.user}'"
    assert eventually(lambda: server.sql(ended) == [])


@pytest.mark.parametrize(("when", "there"), [("before", 1), ("after", 2)])
def test_a_commit_whose_answer_is_lost_is_unknown_until_the_store_was_opened_anew(
    server: PostgresServer, store: PostgresqlStore, clock: HandClock, when: Cut, there: int
) -> None:
    with TcpLine(server.port) as line:
        database = Database.open(over_tcp(store, line.port), clock, LOG_KEYS)
        append(database)

        def cut(statement: str) -> None:
            if statement == "COMMIT":
                line.cut(when)

        with watched(database, NOT_PERSISTED, cut), pytest.raises(LogUnavailable, match="not known"):
            append(database)
        assert not database.healthy()
        with pytest.raises(LogUnavailable, match="not known"):
            append(database)
        database.reopen()
        append(database)
        assert seqs(database) == list(range(there + 1))
        check_tree(database)
        database.close()


def test_a_wait_for_a_standby_that_was_cancelled_is_no_commit_to_rely_on(
    server: PostgresServer, database: Database
) -> None:
    append(database)
    with configured(server, synchronous_standby_names="nobody"), ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(append, database)
        cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        assert eventually(lambda: bool(server.sql(cancel)))
        with pytest.raises(LogUnavailable, match=r"not known: .* canceling wait for synchronous replication"):
            waiting.result(20)
    with pytest.raises(LogUnavailable, match="not known"):
        append(database)
    database.reopen()
    assert append(database) == 2
    check_tree(database)


@contextmanager
def configured(server: PostgresServer, **settings: str) -> Iterator[None]:
    """The running server has these settings while this lasts, and what it was started with after it."""
    for name, value in settings.items():
        server.sql(f"ALTER SYSTEM SET {name} = '{value}'")
    server.sql("SELECT pg_reload_conf()")
    try:
        assert eventually(lambda: all(server.sql(f"SHOW {n}") == [(v,)] for n, v in settings.items()))
        yield
    finally:
        server.sql("ALTER SYSTEM RESET ALL")
        server.sql("SELECT pg_reload_conf()")


def test_a_server_killed_under_load_has_all_that_was_acknowledged_and_no_gap(
    server: PostgresServer, store: PostgresqlStore, clock: HandClock
) -> None:
    databases = [Database.open(store, clock, LOG_KEYS) for _ in range(2)]
    acknowledged: list[int] = []

    def write_on(database: Database) -> None:
        with suppress(LogUnavailable):
            while True:
                acknowledged.append(append(database))

    with ThreadPoolExecutor(8) as threads:
        ends = [threads.submit(write_on, database) for database in databases for _ in range(4)]
        assert eventually(lambda: len(acknowledged) > 200, 20)
        server.stop()
        for end in ends:
            end.result(20)
    server.start()
    for database in databases:
        database.reopen()
        acknowledged.append(append(database))
        assert database.healthy()
    assert len(set(acknowledged)) == len(acknowledged)
    assert set(acknowledged) <= set(seqs(databases[0]))
    check_tree(databases[0])
    for database in databases:
        database.close()


def test_a_connection_that_ended_while_nobody_used_it_costs_no_request(
    server: PostgresServer, store: PostgresqlStore, clock: HandClock
) -> None:
    database = Database.open(store, clock, LOG_KEYS)
    append(database)
    assert seqs(database) == [0]
    end_sessions(server, store)
    assert database.healthy()
    assert seqs(database) == [0]
    assert append(database) == 1
    assert database.healthy()
    database.close()


def test_a_store_is_healthy_in_the_middle_of_its_writes(database: Database) -> None:
    over = threading.Event()

    def write_on() -> None:
        while not over.is_set():
            append(database)

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write_on)
        assert [database.problem() for _ in range(200)] == [""] * 200
        over.set()
        writing.result(20)


def test_who_stands_still_in_a_transaction_loses_it_and_holds_up_nobody(
    store: PostgresqlStore, database: Database, clock: HandClock
) -> None:
    other, still, over = Database.open(store, clock, LOG_KEYS), threading.Event(), threading.Event()

    def stand_still(transaction: object) -> None:
        transaction.append([RECORD])  # type: ignore[attr-defined]
        still.set()
        assert over.wait(20)

    with ThreadPoolExecutor(1) as threads:
        stalled = threads.submit(database.write, Reserve.NONE, stand_still)
        assert still.wait(10)
        assert append(other) == 0
        over.set()
        with pytest.raises(LogUnavailable, match="did not take"):
            stalled.result(20)
    assert append(database) == 1
    check_tree(other)
    other.close()


def test_a_server_that_stands_still_holds_up_nobody_for_ever(
    server: PostgresServer, store: PostgresqlStore, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(dialling._WRITING, "statement_timeout", 300)
    monkeypatch.setattr(dialling, "_GRACE_S", 0.2)
    database = Database.open(store, clock, LOG_KEYS)
    append(database)
    assert seqs(database) == [0]
    sessions = server.sql(f"SELECT pid FROM pg_stat_activity WHERE usename = '{store.user}'")
    for (pid,) in sessions:
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(LogUnavailable, match="does not answer"):
            seqs(database)
        with pytest.raises(LogUnavailable, match=r"did not take a record: .*does not answer"):
            append(database)
    finally:
        for (pid,) in sessions:
            os.kill(pid, signal.SIGCONT)
    assert append(database) == 1
    assert seqs(database) == [0, 1]
    database.close()


def test_a_standby_is_refused_until_it_is_promoted_and_then_followed(
    server: PostgresServer, clock: HandClock
) -> None:
    with server.standby() as standby, TcpLine(server.port) as line:
        server.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        server.sql("SELECT pg_reload_conf()")
        store = over_tcp(server.new_store(), line.port)
        database = Database.open(store, clock, LOG_KEYS)
        append(database)
        with pytest.raises(LogUnavailable, match="standby: name the primary"):
            Database.open(replace(store, port=standby.port), clock, LOG_KEYS)
        server.stop()
        standby.sql("SELECT pg_promote()")
        standby.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
        standby.sql("SELECT pg_reload_conf()")
        line.target = standby.port
        assert eventually(database._opening.lost)
        assert append(database) == 1
        assert seqs(database) == [0, 1]
        (server.data / "postgresql.auto.conf").write_text("")
        server.start()
        line.target = server.port
        line.hang_up()
        assert eventually(database._opening.lost)
        with pytest.raises(LogUnavailable, match="another one now: look into it and restart"):
            append(database)
        database.close()


def test_another_database_of_that_name_is_not_opened_anew(server: PostgresServer, clock: HandClock) -> None:
    server.sql("CREATE ROLE careless LOGIN PASSWORD 'p'; CREATE SCHEMA AUTHORIZATION careless", DATABASE)
    server.sql(f"ALTER ROLE careless PASSWORD '{PASSWORD}'")
    server.sql("CREATE DATABASE careless OWNER careless")
    store = replace(server.new_store(), database="careless", user="careless")
    database = Database.open(store, clock, LOG_KEYS)
    append(database)
    server.sql("DROP DATABASE careless WITH (FORCE)")
    server.sql("CREATE DATABASE careless OWNER careless")
    assert eventually(database._opening.lost)
    with pytest.raises(LogUnavailable, match="another one now"):
        append(database)
    database.close()


def test_a_restored_server_that_lost_a_durable_record_is_not_written_to(
    server: PostgresServer, store: PostgresqlStore, database: Database
) -> None:
    append(database)
    name = store.user
    end_sessions(server, store)
    server.sql(f"DELETE FROM {name}.record; UPDATE {name}.head SET size = 0, frontier = ''", DATABASE)
    for _ in range(2):
        with pytest.raises(LogUnavailable, match="look into it and restart"):
            append(database)


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
