"""Any order of appends, failures and crashes: no record that was told durable is lost, and no head denied."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from broker.audit.custody.rotation import Rotation
from broker.audit.keys import LogKeys
from broker.errors import LogUnavailable
from broker.model.receipt import Receipt
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.log import Leaf, StoredLog
from broker.store.place import Reserve
from broker.store.published import PublishedTree
from broker.store.transaction import Transaction
from broker.tlog.note import verifier_key
from broker.tlog.tiles import TILE_WIDTH
from tests.support.clock import HandClock
from tests.support.commit_faults import NOT_PERSISTED, PERSISTED, When, failing
from tests.support.log_keys import LOG_KEYS
from tests.support.whole_log import check_released, check_tree

COUNTS = st.sampled_from([1, 2, 3, TILE_WIDTH - 1, TILE_WIDTH])
WHEN = st.sampled_from([NOT_PERSISTED, PERSISTED])


def told(leaf: Leaf) -> object:
    """The number of a record that has one, the event of another."""
    record = json.loads(leaf.content)
    return record["fields"].get("number", record["event"])


class Undone(Exception):
    """What a unit of work raises."""


class Log(RuleBasedStateMachine):
    """The numbers of the records that were told durable, beside the store."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.lives = 0
        self.path = self.folder / "0.db"
        LOG_KEYS.write(self.folder / "keys")
        self.keys = LogKeys(self.folder / "keys")
        self.database = Database.open(self.path, HandClock(), self.keys)
        self.next = 0
        self.durable: list[object] = []
        self.receipts: list[Receipt] = []

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)

    def numbered(self, count: int) -> list[Record]:
        """Records that no others are like."""
        self.next += count
        return [Record(Event.PROCESS_STARTED, {"number": n}) for n in range(self.next - count, self.next)]

    @rule(count=COUNTS)
    def append(self, count: int) -> None:
        records = self.numbered(count)
        committed = self.database.commit(Reserve.NONE, lambda transaction: transaction.append(records))
        assert committed.result == range(len(self.durable), len(self.durable) + count)
        self.durable += [record.fields["number"] for record in records]
        self.receipts += [committed.receipt(seq) for seq in committed.result[-2:]]

    @rule(count=COUNTS)
    def undo(self, count: int) -> None:
        def work(transaction: Transaction) -> None:
            transaction.append(self.numbered(count))
            raise Undone

        with pytest.raises(Undone):
            self.database.write(Reserve.NONE, work)

    @rule(
        count=COUNTS, statement=st.sampled_from(["INSERT INTO record", "SELECT record.leaf", "UPDATE head"])
    )
    def fail(self, count: int, statement: str) -> None:
        records = self.numbered(count)
        with failing(self.database, statement, NOT_PERSISTED), pytest.raises(LogUnavailable):
            self.database.write(Reserve.NONE, lambda transaction: transaction.append(records))

    @rule(count=COUNTS, when=WHEN, crashes=st.booleans())
    def lose_a_commit(self, count: int, when: When, crashes: bool) -> None:  # noqa: FBT001 - drawn
        records = self.numbered(count)
        with failing(self.database, "COMMIT", when), pytest.raises(LogUnavailable, match="not known"):
            self.database.write(Reserve.NONE, lambda transaction: transaction.append(records))
        if crashes:
            self.crash()
        else:
            self.database.reopen()
        if when == PERSISTED:
            self.durable += [record.fields["number"] for record in records]

    @rule(lost=st.sampled_from([None, NOT_PERSISTED, PERSISTED]))
    def rotate(self, lost: When | None) -> None:
        """Add a key, or retire the older one, whose turn it is."""
        rotation = Rotation(self.database, self.keys, "tester")
        running = len(self.database.look().signers) > 1
        change = rotation.finish if running else rotation.begin
        if lost is None:
            change()
        else:
            with failing(self.database, "COMMIT", lost), pytest.raises(LogUnavailable, match="not known"):
                change()
            self.database.reopen()
        if lost != NOT_PERSISTED:
            self.durable.append("log_key_retired" if running else "log_key_added")

    @rule()
    def restart(self) -> None:
        self.database.close()
        self.database = Database.open(self.path, HandClock(), self.keys)

    @rule()
    def crash(self) -> None:
        """Another process finds the files as they are now."""
        self._go_on_with(self._copied())

    @rule(count=COUNTS)
    def crash_amid_a_write(self, count: int) -> None:
        found: list[Path] = []

        def work(transaction: Transaction) -> None:
            transaction.append(self.numbered(count))
            found.append(self._copied())
            raise Undone

        with pytest.raises(Undone):
            self.database.write(Reserve.NONE, work)
        self._go_on_with(found[0])

    def _copied(self) -> Path:
        """By another process: this one would drop its own locks on them."""
        self.lives += 1
        copy = self.folder / f"{self.lives}.db"
        for suffix in ("", "-wal"):
            subprocess.run(["cp", f"{self.path}{suffix}", f"{copy}{suffix}"], check=True)
        return copy

    def _go_on_with(self, copy: Path) -> None:
        self.database.close()
        self.path, self.database = copy, Database.open(copy, HandClock(), self.keys)

    @invariant()
    def the_log_is_whole(self) -> None:
        leaves = StoredLog(self.database).leaves(0, 10**6)
        assert [told(leaf) for leaf in leaves] == self.durable
        keys = [verifier_key(key.key) for key in PublishedTree(self.database).public_keys()]
        assert check_tree(self.database, keys) == len(self.durable)
        check_released(self.database, [], self.receipts[-4:], keys)


def test_no_order_of_failures_loses_a_record_or_denies_a_head() -> None:
    shape = settings(max_examples=8, stateful_step_count=12, deadline=None)
    run_state_machine_as_test(Log, settings=shape)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_no_order_of_very_many_failures_loses_a_record_or_denies_a_head() -> None:
    shape = settings(max_examples=100, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(Log, settings=shape)
