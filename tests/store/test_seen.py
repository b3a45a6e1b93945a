"""A log that goes back or becomes another under a running process is noticed before its next record."""

import pytest
from sqlalchemy import delete, insert, select, update

from broker.errors import LogUnavailable, Trouble
from broker.model.record import Event, Record
from broker.model.stores import StoreLocation
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from broker.store.tables import head, record
from broker.store.transaction import Transaction
from broker.tlog.merkle import Frontier, leaf_hash
from broker.tlog.note import SignerKey
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS, ORIGIN, HeldKeys
from tests.support.rewriting import checkpoint_over

STARTED = Record(Event.PROCESS_STARTED, {"kind": "serve"})


def append(database: Database, count: int = 1) -> None:
    StoredLog(database).append([STARTED] * count, Reserve.NONE)


def go_back(database: Database) -> None:
    """To an empty log, as a restored copy is from before any record."""

    def work(transaction: Transaction) -> None:
        transaction.connection.execute(delete(record))
        gone = update(head).values(size=0, frontier=b"", checkpoint=checkpoint_over(()))
        transaction.connection.execute(gone)

    database.write(Reserve.NONE, work)


def refusal(database: Database) -> str:
    with pytest.raises(LogUnavailable) as raised:
        append(database)
    assert raised.value.trouble is Trouble.LOG_ROLLED_BACK
    return raised.value.detail


def test_a_log_that_went_back_is_noticed_by_who_wrote_it(database: Database) -> None:
    append(database, 4)
    go_back(database)
    assert "went back from 4 records to 0" in refusal(database)


def test_a_log_that_went_back_and_on_again_is_noticed(place: StoreLocation, database: Database) -> None:
    append(database, 4)
    go_back(database)
    other = Database.open(place, HandClock(), LOG_KEYS)
    append(other, 4)
    assert "another than it was at 4 records" in refusal(database)
    append(other, 4)
    assert "another than it was at 4 records" in refusal(database)
    other.close()


def test_a_process_that_only_looked_notices_it_too(place: StoreLocation, database: Database) -> None:
    idle = Database.open(place, HandClock(), LOG_KEYS)
    append(database, 2)
    assert idle.look().frontier.size == 2
    go_back(database)
    with pytest.raises(LogUnavailable, match="went back from 2 records to 0"):
        idle.look()
    trouble = idle.trouble()
    assert trouble is not None
    assert trouble.trouble is Trouble.LOG_ROLLED_BACK
    idle.close()


def test_what_others_append_is_no_reason_to_stop(place: StoreLocation, database: Database) -> None:
    other = Database.open(place, HandClock(), LOG_KEYS)
    for count in (1, 3, 2):
        append(other, count)
        append(database)
        assert database.look().frontier.size == other.look().frontier.size
    other.close()


def grow_unsigned(database: Database) -> None:
    """Put a record beside the others, with its hash and a frontier that fits, as who has no key can do."""

    def work(transaction: Transaction) -> None:
        rows = transaction.connection.execute(select(record).order_by(record.c.seq)).mappings().all()
        forged = {**rows[-1], "seq": len(rows), "leaf": rows[-1]["leaf"].replace(b"serve", b"other")}
        forged["hash"] = leaf_hash(forged["leaf"])
        transaction.connection.execute(insert(record).values(forged))
        grown = Frontier().extended([*(row["hash"] for row in rows), forged["hash"]])
        moved = update(head).values(size=grown.size, frontier=b"".join(grown.hashes))
        transaction.connection.execute(moved)

    database.write(Reserve.NONE, work)


UNSIGNED = "signed head of the log does not fit it: it is that of another tree"


def test_a_record_of_somebody_without_a_key_is_never_signed(place: StoreLocation, database: Database) -> None:
    append(database, 2)
    grow_unsigned(database)
    for _ in range(2):
        with pytest.raises(LogUnavailable, match=UNSIGNED):
            append(database)
    with pytest.raises(LogUnavailable, match=UNSIGNED):
        database.look()
    assert UNSIGNED in database.problem()
    with pytest.raises(LogUnavailable, match=UNSIGNED):
        append(database)
    with pytest.raises(LogUnavailable, match=UNSIGNED):
        Database.open(place, HandClock(), LOG_KEYS)


def test_a_head_that_another_key_signed_is_not_built_upon(database: Database) -> None:
    append(database, 2)
    grow_unsigned(database)
    theirs = HeldKeys((SignerKey.generated(ORIGIN),))
    leaves = [leaf.content for leaf in StoredLog(database).leaves(0, 3)]
    forged = update(head).values(checkpoint=checkpoint_over(leaves, theirs))
    database.write(Reserve.NONE, lambda transaction: transaction.connection.execute(forged))
    with pytest.raises(LogUnavailable, match="signed by no"):
        append(database)


def test_a_log_whose_frontier_was_damaged_is_not_opened(place: StoreLocation, database: Database) -> None:
    append(database, 2)
    damage = update(head).values(frontier=bytes(32))
    database.write(Reserve.NONE, lambda transaction: transaction.connection.execute(damage))
    with pytest.raises(LogUnavailable, match=UNSIGNED):
        Database.open(place, HandClock(), LOG_KEYS)
