"""A receipt proves what it says or is refused; nothing in it can be altered."""

import json
from pathlib import Path
from typing import Any

import pytest

from broker.client.errors import LogAlarm, ReceiptRefused
from broker.client.receipts import (
    check_receipt,
    keep_receipt,
    read_receipt,
    receipt_document,
    stated_checkpoint,
)
from broker.tlog.note import VerifierKey
from tests.support.given_log import GivenLog, log_key

ISSUANCE = "019ab1de-0000-7000-8000-000000000001"
KEYS = (log_key(1).verifier,)


def log_of(records: int) -> GivenLog:
    log = GivenLog()
    log.grow(*map(str, range(records)))
    return log


def verify(document: Any, keys: tuple[VerifierKey, ...] = KEYS) -> None:
    receipt = read_receipt(document)
    check_receipt(receipt, stated_checkpoint(receipt), keys)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 21])
def test_every_record_of_a_log_has_a_receipt_that_holds(size: int) -> None:
    log = log_of(size)
    for index in range(size):
        verify(json.loads(json.dumps(receipt_document(log.receipt(index)))))


@pytest.mark.parametrize(("size", "index"), [(21, 20), (21, 5), (1, 0)])
def test_a_receipt_with_any_bit_flipped_is_refused(size: int, index: int) -> None:
    whole = json.dumps(receipt_document(log_of(size).receipt(index))).encode()
    verify(json.loads(whole))
    for bit in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((ReceiptRefused, ValueError)):  # ValueError: it is no JSON, or no UTF-8
            verify(json.loads(flipped))


@pytest.mark.parametrize(
    "change",
    [
        {"index": "20"},
        {"index": 20.0},
        {"index": True},
        {"index": -1},
        {"index": 21},
        {"index": 2**64},
        {"leaf_hash": None},
        {"leaf_hash": "0" * 62},
        {"leaf_hash": "A" * 64},
        {"checkpoint": ""},
        {"checkpoint": "canary"},
        {"checkpoint": ["canary"]},
        {"checkpoint": "canary" * 100_000},
        {"proof": None},
        {"proof": "canary"},
        {"proof": []},
        {"proof": ["canary"]},
        {"proof": ["A" * 43 + "="] * 65},
    ],
    ids=str,
)
def test_what_is_no_receipt_is_refused_without_repeating_it(change: dict[str, object]) -> None:
    with pytest.raises(ReceiptRefused) as refused:
        verify({**receipt_document(log_of(21).receipt()), **change})
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("document", [None, [], "canary", {}])
def test_something_else_in_the_place_of_a_receipt_is_refused(document: object) -> None:
    with pytest.raises(ReceiptRefused) as refused:
        verify(document)
    assert "canary" not in str(refused.value)


def test_a_ticket_without_a_receipt_is_refused_and_the_reason_told() -> None:
    with pytest.raises(ReceiptRefused, match="without a receipt: it is older"):
        verify(None)


def test_more_that_a_later_broker_may_add_is_passed_over() -> None:
    verify({**receipt_document(log_of(3).receipt()), "cosignatures": []})


def test_a_receipt_signed_by_another_key_is_an_alarm() -> None:
    with pytest.raises(LogAlarm, match="signed by no key"):
        verify(receipt_document(log_of(3).receipt()), (log_key(2).verifier,))


def test_the_key_of_a_witness_does_not_speak_for_the_log() -> None:
    log = GivenLog(signers=(log_key(1), log_key(9, "witness.example")))
    log.grow("a", "b")
    with pytest.raises(LogAlarm):
        verify(receipt_document(log.receipt()), (log_key(9, "witness.example").verifier,))
    verify(receipt_document(log.receipt()))


def test_a_kept_receipt_has_the_id_of_its_issuance_and_is_its_owners_alone(tmp_path: Path) -> None:
    log = log_of(13)
    folder = tmp_path / "new" / "receipts"

    keep_receipt(folder, log.origin, log.receipt(12), ISSUANCE)

    (file,) = folder.iterdir()
    assert file.name == "broker.test%2Faudit-000000000012.json"
    assert json.loads(file.read_text()) == {"issuance": ISSUANCE, **receipt_document(log.receipt(12))}
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_receipt_that_another_ticket_came_with_is_refused_and_stays(tmp_path: Path) -> None:
    log = log_of(13)
    keep_receipt(tmp_path, log.origin, log.receipt(12), ISSUANCE)
    with pytest.raises(ReceiptRefused, match="of an earlier one"):
        keep_receipt(tmp_path, log.origin, log.receipt(12), "another")
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_text())["issuance"] == ISSUANCE


def test_no_origin_leads_out_of_the_folder(tmp_path: Path) -> None:
    log = GivenLog(signers=(log_key(1, "../../etc/x"),))
    log.grow("a")
    keep_receipt(tmp_path / "receipts", log.origin, log.receipt(), ISSUANCE)
    assert [path.name for path in tmp_path.iterdir()] == ["receipts"]
