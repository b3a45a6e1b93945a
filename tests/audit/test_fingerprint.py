"""Fingerprints of tickets."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.audit.fingerprint import TicketFingerprints
from broker.errors import SecretUnavailable
from broker.model.secret import Secret

RAW = bytes(range(32))
TICKET = Secret("52d1c0de-canary-ticket-0001")


def test_a_fingerprint_is_the_hmac_of_the_ticket() -> None:
    fingerprint, key_id = TicketFingerprints(Secret(RAW.hex())).of_ticket(TICKET)
    assert fingerprint == hmac.new(RAW, TICKET.reveal().encode(), hashlib.sha256).hexdigest()
    assert key_id == hashlib.sha256(b"kid" + RAW).hexdigest()[:16]


@pytest.mark.parametrize(
    "written", [RAW.hex(), RAW.hex().upper(), base64.b64encode(RAW).decode(), f" {RAW.hex()}\n"]
)
def test_one_key_may_be_written_as_hex_or_base64(written: str) -> None:
    assert TicketFingerprints(Secret(written)).of_ticket(TICKET) == TicketFingerprints(
        Secret(RAW.hex())
    ).of_ticket(TICKET)


@pytest.mark.parametrize(
    "weak", ["", "00" * 31, base64.b64encode(b"x" * 31).decode(), "not a key!", "äöü" * 20]
)
def test_a_weak_or_unreadable_key_is_refused_without_being_repeated(weak: str) -> None:
    with pytest.raises(SecretUnavailable) as refused:
        TicketFingerprints(Secret(weak))
    assert not weak or weak not in str(refused.value)


def test_another_key_has_another_id_and_gives_other_fingerprints() -> None:
    one, other = TicketFingerprints(Secret("00" * 32)), TicketFingerprints(Secret("01" * 32))
    assert one.key_id != other.key_id
    assert one.of_ticket(TICKET)[0] != other.of_ticket(TICKET)[0]


@given(st.text())
def test_no_ticket_shows_in_its_fingerprint_and_no_key_in_repr(ticket: str) -> None:
    fingerprints = TicketFingerprints(Secret(RAW.hex()))
    fingerprint, _ = fingerprints.of_ticket(Secret(ticket))
    assert len(fingerprint) == 64
    assert RAW.hex() not in repr(fingerprints)
