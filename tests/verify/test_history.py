"""Every key but the first is told by a record: what the log says of its keys is held against these."""

from dataclasses import replace
from pathlib import Path

import pytest

from broker.audit.custody.epochs import open_epoch
from broker.audit.custody.mark import MarkFile
from broker.audit.custody.opening import kept
from broker.audit.custody.rotation import Rotation
from broker.audit.keys import LogKeys, make_key
from broker.audit.reading import AuditReading
from broker.store.database import Database
from broker.store.published import PublishedKey
from broker.tlog.checkpoint import TreeHead
from broker.tlog.note import SignerKey
from broker.verify.evidence import Earlier, Evidence
from broker.verify.findings import Findings
from broker.verify.history import ADDED, BEGAN, EPOCH, RETIRED, History, Mark
from tests.support.clock import HandClock
from tests.support.log_keys import ORIGIN
from tests.support.verifying import damaged, verdict_on

FIRST, SECOND = (SignerKey.generated("broker.test/audit").verifier for _ in range(2))
THIRD = SignerKey.generated("broker.test/audit/e2").verifier

MARKS = (
    Mark(0, BEGAN, {"origin": FIRST.name, "epoch": 1, "keys": [str(FIRST)]}),
    Mark(10, ADDED, {"key_id": SECOND.id, "vkey": str(SECOND), "from_size": 11}),
    Mark(20, RETIRED, {"key_id": FIRST.id, "until_size": 20}),
    Mark(30, EPOCH, {"previous_origin": FIRST.name, "key_id": THIRD.id, "vkey": str(THIRD)}),
)
STATED = (
    PublishedKey(FIRST.id, FIRST.name, str(FIRST), 0, 20),
    PublishedKey(SECOND.id, SECOND.name, str(SECOND), 11, 30),
    PublishedKey(THIRD.id, THIRD.name, str(THIRD), 31, None),
)


def told(stated: tuple[PublishedKey, ...], marks: tuple[Mark, ...]) -> str:
    findings = Findings()
    History(stated).judge(marks, findings)
    return "; ".join(map(str, findings.firsts()))


def test_rotations_and_epochs_explain_every_key() -> None:
    assert told(STATED, MARKS) == ""


def test_an_epoch_ends_a_name() -> None:
    history = History(STATED)
    history.judge(MARKS, Findings())
    assert history.ended == {FIRST.name: 30}


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_change_without_its_record_is_found(missing: int) -> None:
    assert "key" in told(STATED, MARKS[:missing] + MARKS[missing + 1 :])


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_key_that_records_tell_of_and_the_log_does_not_is_found(missing: int) -> None:
    assert "key" in told(STATED[:missing] + STATED[missing + 1 :], MARKS)


@pytest.mark.parametrize("change", [{"from_size": 12}, {"until_size": 29}, {"origin": "elsewhere"}])
def test_what_is_stated_of_a_key_must_be_what_its_record_tells(change: dict[str, object]) -> None:
    stated = (STATED[0], replace(STATED[1], **change), STATED[2])  # type: ignore[arg-type]  # any change
    assert f"the log's key {SECOND.id} is, by its records," in told(stated, MARKS)


def test_a_record_that_tells_of_no_key_is_found() -> None:
    assert told(STATED[:1], (Mark(5, ADDED, {"vkey": "no key"}),)).startswith("record 5 ")


def test_a_log_with_new_keys_and_a_new_epoch_is_good_and_tells_what_was_left_behind(
    tmp_path: Path,
) -> None:
    store, folder = tmp_path / "store.db", tmp_path / "keys"
    make_key(folder, ORIGIN)
    keys, mark = LogKeys(folder), MarkFile(tmp_path / "mark")
    with kept(Database.open(store, HandClock(), keys), mark) as database:
        rotation = Rotation(database, keys, "root")
        rotation.begin()
        rotation.finish()
        lost = TreeHead(ORIGIN, 50, bytes(32))
        note = keys.sign(lost, [key.id for key in keys.all()])
        open_epoch(database, keys, mark, "restored", "root")
        ended = AuditReading(database).size() - 1
    damaged(store)
    assert verdict_on(store).findings == ()
    (finding,) = verdict_on(store, evidence=Evidence((Earlier("a checkpoint", note),))).findings
    assert str(finding).endswith(f"50 records of an epoch that ended with {ended}: see record {ended}")
