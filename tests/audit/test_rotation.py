"""Changing the log's keys: an overlap in which both sign, sizes that say who signs what, a record of each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.audit.custody.rotation import KeysRefused, Rotation
from broker.audit.keys import LogKeys, key_file, make_key
from broker.audit.reading import AuditReading
from broker.errors import LogUnavailable, Trouble
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from broker.store.published import PublishedTree
from broker.tlog.checkpoint import Checkpoint, parsed_checkpoint
from broker.tlog.note import verifier_key
from tests.support.catalogue import misfits
from tests.support.clock import HandClock
from tests.support.log_keys import ORIGIN

STARTED = Record(Event.PROCESS_STARTED, {"kind": "serve", "boot": "b", "revision": "r", "version": "1"})


class Site:
    """A log whose first key is in a folder, open in one process that runs and in the operator's command."""

    def __init__(self, folder: Path) -> None:
        self.store, self.folder, self.clock = folder / "store.db", folder / "keys", HandClock()
        self.first = make_key(self.folder, ORIGIN)
        self.running = self.open()
        self.append()
        self.keys = LogKeys(self.folder)
        self.typed = Database.open(self.store, self.clock, self.keys)
        self.rotation = Rotation(self.typed, self.keys, "root")

    def open(self, folder: Path | None = None) -> Database:
        return Database.open(self.store, self.clock, LogKeys(folder or self.folder, self.clock.monotonic))

    def append(self) -> Checkpoint:
        """A record of the running process; the head that it signed."""
        StoredLog(self.running).append([STARTED], Reserve.NONE)
        return self.checkpoint()

    def checkpoint(self) -> Checkpoint:
        """The newest, once it is verified by the keys of its size, and by all of them."""
        tree = PublishedTree(self.running)
        checkpoint = parsed_checkpoint(tree.checkpoint())
        valid = [key for key in tree.public_keys() if key.signs(checkpoint.head.size)]
        signed = checkpoint.verify([verifier_key(key.key) for key in valid])
        assert {key.id for key in signed} == {each.key_id for each in checkpoint.note.signatures}
        return checkpoint

    def signers(self) -> list[str]:
        return [each.key_id for each in self.append().note.signatures]

    def records(self) -> list[dict[str, object]]:
        found = list(AuditReading(self.running).records())
        assert misfits(found) == []
        return [record["fields"] for record in found if record["code"].startswith("L")]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.typed.close()
    site.running.close()


def test_both_keys_sign_from_the_record_of_the_new_one_on_until_the_old_one_is_retired(site: Site) -> None:
    new = site.rotation.begin()
    rotated = site.checkpoint()
    assert [each.key_id for each in rotated.note.signatures] == [site.first.id, new.id]
    site.clock.advance(2)
    assert site.signers() == [site.first.id, new.id]
    assert site.rotation.finish() == (site.first.id,)
    retired = site.checkpoint()
    assert [each.key_id for each in retired.note.signatures] == [new.id]
    assert site.signers() == [new.id]
    assert site.records() == [
        {"key_id": new.id, "vkey": str(new), "from_size": rotated.head.size, "by": "root"},
        {"key_id": site.first.id, "until_size": retired.head.size - 1, "by": "root"},
    ]


def test_the_list_says_which_key_signs_heads_of_which_sizes(site: Site) -> None:
    early = site.append()
    new = site.rotation.begin()
    site.clock.advance(2)
    overlap = site.append()
    site.rotation.finish()
    late = site.append()
    first, second = site.rotation.standings()
    assert (first.key.key_id, first.signs, first.here, first.epoch) == (site.first.id, False, True, 1)
    assert (second.key.key_id, second.signs, second.here, second.epoch) == (new.id, True, True, 1)
    assert [first.key.signs(each.head.size) for each in (early, overlap, late)] == [True, True, False]
    assert [second.key.signs(each.head.size) for each in (early, overlap, late)] == [False, True, True]
    assert early.verify([verifier_key(first.key.key)])


def test_a_process_without_the_new_key_signs_with_the_old_one_until_that_is_retired(
    site: Site, tmp_path: Path
) -> None:
    other = tmp_path / "keys-of-another-user"
    other.mkdir(mode=0o700)
    key_file(other, site.first.id).write_bytes(key_file(site.folder, site.first.id).read_bytes())
    key_file(other, site.first.id).chmod(0o600)
    elsewhere = site.open(other)
    new = site.rotation.begin()
    StoredLog(elsewhere).append([STARTED], Reserve.NONE)
    assert [each.key_id for each in site.checkpoint().note.signatures] == [site.first.id]
    site.rotation.finish()
    with pytest.raises(LogUnavailable, match=new.id) as raised:
        StoredLog(elsewhere).append([STARTED], Reserve.NONE)
    assert raised.value.trouble is Trouble.LOG_KEY_MISSING
    elsewhere.look()
    trouble = elsewhere.trouble()
    assert trouble is not None
    assert trouble.trouble is Trouble.LOG_KEY_MISSING
    key_file(other, new.id).write_bytes(key_file(site.folder, new.id).read_bytes())
    key_file(other, new.id).chmod(0o600)
    elsewhere.look()
    assert elsewhere.trouble() is None
    StoredLog(elsewhere).append([STARTED], Reserve.NONE)
    elsewhere.close()


def test_a_rotation_while_one_runs_and_an_end_of_none_are_refused_with_advice(site: Site) -> None:
    with pytest.raises(KeysRefused, match=r"broker audit keys rotate$"):
        site.rotation.finish()
    site.rotation.begin()
    with pytest.raises(KeysRefused, match=r"rotate --finish$"):
        site.rotation.begin()


def test_a_rotation_where_the_present_key_is_not_is_refused(site: Site, tmp_path: Path) -> None:
    stranger = tmp_path / "empty"
    make_key(stranger, ORIGIN)
    with pytest.raises(KeysRefused, match="work where it is"):
        Rotation(site.typed, LogKeys(stranger), "root").begin()


def test_a_key_that_was_made_and_never_signed_is_taken_before_another_is_made(site: Site) -> None:
    made = make_key(site.folder, ORIGIN)
    assert site.rotation.begin() == made
    site.rotation.finish()
    surplus = {make_key(site.folder, ORIGIN).id for _ in range(2)}
    with pytest.raises(KeysRefused, match="leave one there") as raised:
        site.rotation.begin()
    assert all(key_id in str(raised.value) for key_id in surplus)


def test_no_private_key_is_in_the_store(site: Site) -> None:
    site.rotation.begin()
    kept = b"".join(each.read_bytes() for each in site.store.parent.glob("store.db*") if each.is_file())
    for file in site.folder.iterdir():
        seed = file.read_text().rpartition("+")[2].strip()
        assert seed.encode() not in kept
    assert b"PRIVATE" not in kept
