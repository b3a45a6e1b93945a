"""What only a server does: it is lost amid a commit, killed, demoted, replaced."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest

from broker.errors import LogUnavailable
from broker.model.stores import PostgresqlStore
from broker.store.database import Database
from broker.store.engines.postgresql import dialling
from broker.store.place import Reserve
from tests.support.clock import HandClock
from tests.support.commit_faults import NOT_PERSISTED, watched
from tests.support.deadline import eventually
from tests.support.log_keys import LOG_KEYS
from tests.support.postgres_server import DATABASE, PASSWORD, PostgresServer
from tests.support.postgres_stores import RECORD, append, configured, end_sessions, over_tcp, seqs
from tests.support.tcp_line import Cut, TcpLine
from tests.support.whole_log import check_tree


@pytest.fixture
def database(store: PostgresqlStore, clock: HandClock) -> Iterator[Database]:
    database = Database.open(store, clock, LOG_KEYS)
    yield database
    database.close()


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
