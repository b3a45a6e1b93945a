"""Opening an epoch: a restored backup, or a log whose key is lost, goes on under a new name, on record."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker.audit.custody.epochs import Epoch, open_epoch
from broker.audit.custody.mark import MarkFile, mark_of
from broker.audit.custody.opening import kept
from broker.audit.custody.origins import base_of, check_first, epoch_of, of_epoch
from broker.audit.keys import LogKeys, make_key
from broker.audit.reading import AuditReading
from broker.errors import LogUnavailable, SecretUnavailable, Trouble
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from broker.store.published import PublishedTree
from broker.tlog.checkpoint import Checkpoint, parsed_checkpoint
from broker.tlog.merkle import consistency_path, consistent
from tests.support.catalogue import misfits
from tests.support.clock import HandClock
from tests.support.log_keys import ORIGIN

STARTED = Record(Event.PROCESS_STARTED, {"kind": "serve", "boot": "b", "revision": "r", "version": "1"})


@dataclass(frozen=True, slots=True)
class Site:
    """A store, its keys and its mark, each in a folder of its own."""

    store: Path
    keys: Path
    mark: MarkFile

    @contextmanager
    def opened(self) -> Iterator[Database]:
        with kept(Database.open(self.store, HandClock(), LogKeys(self.keys)), self.mark) as database:
            yield database

    def grow(self, count: int) -> Checkpoint:
        """The head after so many records more."""
        with self.opened() as database:
            StoredLog(database).append([STARTED] * count, Reserve.NONE)
            return parsed_checkpoint(PublishedTree(database).checkpoint())

    def restore(self, copy: Path) -> None:
        for suffix in ("-wal", "-shm"):
            self.store.with_name(self.store.name + suffix).unlink(missing_ok=True)
        shutil.copy(copy, self.store)

    def epoch(self, why: str = "restored") -> Epoch:
        keys = LogKeys(self.keys)
        database = Database.open_existing(self.store, HandClock(), keys)
        try:
            return open_epoch(database, keys, self.mark, why, "root")
        finally:
            database.close()

    def refusal(self) -> LogUnavailable:
        with pytest.raises(LogUnavailable) as raised, self.opened():
            pass
        return raised.value


@pytest.fixture
def site(tmp_path: Path) -> Site:
    make_key(tmp_path / "keys", ORIGIN)
    (tmp_path / "marks").mkdir()
    return Site(tmp_path / "store.db", tmp_path / "keys", MarkFile(tmp_path / "marks" / "mark"))


def rolled_back(site: Site, copy: Path) -> Checkpoint:
    """Lose three records to a restored backup; the head that had been marked."""
    site.grow(2)
    shutil.copy(site.store, copy)
    marked = site.grow(3)
    site.restore(copy)
    assert site.refusal().trouble is Trouble.LOG_ROLLED_BACK
    return marked


def test_a_restored_log_goes_on_under_a_new_name_and_says_so_first(site: Site, tmp_path: Path) -> None:
    marked = rolled_back(site, tmp_path / "backup.db")
    epoch = site.epoch("the disk broke")
    assert (epoch.number, epoch.key.name) == (2, f"{ORIGIN}/e2")
    with site.opened() as database:
        records = list(AuditReading(database).records())
        assert misfits(records) == []
        opened = records[3]
        assert opened["event"] == "epoch_opened"
        fields = opened["fields"]
        assert (fields["why"], fields["by"], fields["size"]) == ("the disk broke", "root", 3)
        assert (fields["previous_origin"], fields["origin"]) == (ORIGIN, f"{ORIGIN}/e2")
        assert "\n".join(fields["mark"]) + "\n" == str(marked.note)
        ended = parsed_checkpoint("\n".join(fields["checkpoint"]) + "\n")
        assert ended.head.size == 3
        now = parsed_checkpoint(PublishedTree(database).checkpoint())
        assert now.head.origin == f"{ORIGIN}/e2"
        assert now.verify([epoch.key]) == (epoch.key,)
        node = PublishedTree(database).node_reader()
        path = consistency_path(3, now.head.size, node)
        assert consistent(3, ended.head.root, now.head.size, now.head.root, path)
    assert site.grow(1).head.size == 5


def test_the_mark_follows_the_new_epoch_and_the_old_one_stays_beside_it(site: Site, tmp_path: Path) -> None:
    marked = rolled_back(site, tmp_path / "backup.db")
    site.epoch()
    assert parsed_checkpoint(site.mark.path.read_text()).head.origin == f"{ORIGIN}/e2"
    assert site.mark.path.with_name("mark.e1").read_text() == str(marked.note)


def test_each_key_is_valid_for_the_sizes_of_its_epoch(site: Site, tmp_path: Path) -> None:
    rolled_back(site, tmp_path / "backup.db")
    site.epoch()
    with site.opened() as database:
        first, second = PublishedTree(database).public_keys()
    assert (first.origin, first.from_size, first.until_size) == (ORIGIN, 0, 3)
    assert (second.origin, second.from_size, second.until_size) == (f"{ORIGIN}/e2", 4, None)


def test_an_end_between_the_record_and_the_mark_is_no_second_roll_back(site: Site, tmp_path: Path) -> None:
    marked = rolled_back(site, tmp_path / "backup.db")
    site.epoch()
    site.mark.write(str(marked.note))
    with site.opened() as database:
        assert database.look().epoch == 2
    assert parsed_checkpoint(site.mark.path.read_text()).head.origin == f"{ORIGIN}/e2"


def test_a_store_from_before_an_epoch_is_refused_and_the_next_epoch_has_a_name_of_its_own(
    site: Site, tmp_path: Path
) -> None:
    rolled_back(site, tmp_path / "backup.db")
    site.epoch()
    site.grow(5)
    site.restore(tmp_path / "backup.db")
    assert site.refusal().trouble is Trouble.LOG_ROLLED_BACK
    assert site.epoch().key.name == f"{ORIGIN}/e3"
    site.grow(1)


def test_without_its_mark_an_older_store_still_takes_no_name_that_was_used(
    site: Site, tmp_path: Path
) -> None:
    rolled_back(site, tmp_path / "backup.db")
    site.epoch()
    site.restore(tmp_path / "backup.db")
    site.mark.path.unlink()
    assert site.epoch().key.name == f"{ORIGIN}/e3"


def test_a_log_whose_key_is_lost_goes_on_in_a_new_epoch(site: Site) -> None:
    site.grow(2)
    for file in site.keys.iterdir():
        file.unlink()
    with site.opened() as database, pytest.raises(LogUnavailable) as raised:
        StoredLog(database).append([STARTED], Reserve.NONE)
    assert raised.value.trouble is Trouble.LOG_KEY_MISSING
    epoch = site.epoch("the key is lost")
    after = site.grow(1)
    assert after.head.size == 5
    assert after.verify([epoch.key]) == (epoch.key,)


def test_an_epoch_is_not_opened_over_the_mark_of_another_log(site: Site, tmp_path: Path) -> None:
    site.grow(1)
    other = Site(tmp_path / "other.db", tmp_path / "other-keys", mark_of(tmp_path / "other.db", None))
    make_key(other.keys, "other.test/audit")
    other.grow(1)
    shutil.copy(other.mark.path, site.mark.path)
    with pytest.raises(LogUnavailable, match="another log"):
        site.epoch()
    with pytest.raises(LogUnavailable, match="another log"):
        site.epoch()
    assert [verifier.name for verifier in LogKeys(site.keys).all()] == [ORIGIN]


def test_an_epoch_waits_for_who_moves_the_mark(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.audit.custody.epochs._TURN_S", 0.0)
    site.grow(1)
    with (
        site.opened() as database,
        database.turn("high-water", 0.0),
        pytest.raises(LogUnavailable, match="try again"),
    ):
        site.epoch()


@pytest.mark.parametrize(
    ("origin", "base", "epoch"),
    [
        ("b.example/audit", "b.example/audit", 1),
        ("b.example/audit/e2", "b.example/audit", 2),
        ("b.example/audit/e10", "b.example/audit", 10),
        ("b.example/audit/e02", "b.example/audit/e02", 1),
        ("b.example/estate", "b.example/estate", 1),
        ("b.example/e2/audit", "b.example/e2/audit", 1),
    ],
)
def test_names_of_epochs(origin: str, base: str, epoch: int) -> None:
    assert (base_of(origin), epoch_of(origin)) == (base, epoch)
    assert of_epoch(origin, 12) == f"{base}/e12"


def test_a_log_cannot_begin_under_the_name_of_a_further_epoch() -> None:
    with pytest.raises(SecretUnavailable, match="choose another"):
        check_first("b.example/audit/e2")
    check_first("b.example/audit")


def test_no_epoch_begins_whose_old_mark_cannot_be_kept(site: Site, tmp_path: Path) -> None:
    marked = rolled_back(site, tmp_path / "backup.db")
    kept_as = site.mark.path.with_name(f"{site.mark.path.name}.e1")
    kept_as.mkdir()
    with pytest.raises(LogUnavailable) as raised:
        site.epoch()
    assert raised.value.trouble is Trouble.HIGH_WATER_UNUSABLE
    assert site.mark.read() == str(marked.note)
    kept_as.rmdir()
    assert site.refusal().trouble is Trouble.LOG_ROLLED_BACK
    assert site.epoch().key.name == f"{ORIGIN}/e3"
    assert kept_as.with_name(f"{site.mark.path.name}.e2").read_text() == str(marked.note)
