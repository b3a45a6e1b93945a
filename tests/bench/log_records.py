"""A record as long as those that a log is mostly made of."""

from dataclasses import replace

from broker.audit.sayings import outcome_record
from broker.clock import SystemClock
from broker.model.issuance import Attempt
from broker.model.record import Record
from broker.store.sealing import Sealer
from tests.support.issuing import PROOF, REQUEST
from tests.support.records import intent_of, issued

_DIGEST = "5f" * 32


def outcome() -> Record:
    """That a ticket was issued: its proof, its fingerprint and a warning."""
    clock = SystemClock()
    attempt = Attempt(REQUEST.issuance, 1, clock.now())
    intent = replace(intent_of(REQUEST), policy_revision=_DIGEST, template_revision=_DIGEST)
    warned = ("firewall_allows_listed_addresses_only",)
    said = replace(issued(clock), proof=replace(PROOF, digest=_DIGEST), warnings=warned)
    return outcome_record(attempt, intent, said)


def outcome_bytes() -> int:
    """How long that is in the log."""
    return len(Sealer(SystemClock(), boot=REQUEST.issuance, node="broker-1.example.com").seal(outcome()).leaf)
