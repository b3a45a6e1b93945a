"""What must hold of a log, whatever happened to the processes that wrote it.

I1  a ticket was delivered only if its `ticket_issued`, with its fingerprint, stood in the log
    before the first byte of the answer
I2  what was acknowledged is stored
I3  positions have no gap
I4  the tree is that of the records, whoever hashes them anew
I5  every head that was handed out with a ticket is of a tree that this one begins with
I6  an attempt has one intent, and one end once the orphan rule has run; every ticket that
    vCenter made belongs to one, and its end says so or tells an exposure
I7  no secret stands in anything that was written
I8  the verifier finds nothing wrong
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from broker.audit.fingerprint import TicketFingerprints
from broker.audit.orphans import OrphanRule
from broker.lab.tickets import Minted
from broker.model.receipt import Receipt
from broker.model.secret import Secret, SecretFile
from broker.secrets import read_secret
from broker.store.database import Database
from broker.store.times import iso
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS
from tests.support.sinks import everything_written, leaked, secrets_of
from tests.support.whole_log import check_released, check_tree, check_verified
from tests.support.witness import Heard, Witness

INTENT = "ticket_intent"
ENDS = ("ticket_issued", "ticket_refused", "ticket_failed", "ticket_unknown")
NAMING = (*ENDS, "ticket_late_result")
"""The events that can carry a ticket's fingerprint."""

UNRECORDED = {"too_many_refusals", "log_unavailable"}
"""Answers that do not stand in the log by themselves: one record tells of many, or the log is what fails."""

Record = Mapping[str, Any]
AttemptId = tuple[str, int]


def check(witness: Witness) -> list[dict[str, Any]]:
    """Close what was left open, as a process does ten minutes from now; then all of it holds. The records."""
    stack = witness.stack
    close_orphans(stack.store)
    records = stack.records()
    fingerprints = TicketFingerprints(read_secret(SecretFile(stack.site.root / "fingerprint.key")))
    check_log(records)
    check_ended(records)
    check_delivered(records, witness.heard, fingerprints)
    check_minted(records, witness.minted, fingerprints)
    check_columns(witness.database)
    check_tree(witness.database)
    check_verified(stack.store)
    check_released(witness.database, [], receipts_of(witness.heard))
    secrets = secrets_of(stack) | {f"token {n}": token for n, token in enumerate(witness.tokens)}
    secrets |= {f"ticket {n}": ticket.text for n, ticket in enumerate(witness.minted)}
    assert leaked(secrets, everything_written(stack)) == []
    return records


def close_orphans(store: Path) -> int:
    """What the orphan rule closes in a process that runs ten minutes from now."""
    database = Database.open_existing(store, HandClock(datetime.now(UTC) + timedelta(minutes=10)), LOG_KEYS)
    try:
        return OrphanRule(database, grace_s=30).run()
    finally:
        database.close()


def attempts(records: Iterable[Record], *events: str) -> Counter[AttemptId]:
    """How many records of these events each attempt has."""
    return Counter((r["fields"]["issuance"], r["fields"]["attempt"]) for r in records if r["event"] in events)


def check_log(records: Sequence[Record]) -> None:
    """At any time: no gap, one intent an attempt, at most one end, and nothing ends that did not begin."""
    assert [r["seq"] for r in records] == list(range(len(records)))
    intents, ends = attempts(records, INTENT), attempts(records, *ENDS)
    assert set(intents.values()) <= {1}, "an attempt has one intent"
    assert set(ends.values()) <= {1}, "an attempt has one end"
    assert set(ends) <= set(intents), "nothing ends that did not begin"
    assert set(attempts(records, "ticket_late_result")) <= set(ends), "late means after the end"


def check_ended(records: Sequence[Record]) -> None:
    """Once nothing runs and the orphan rule has run: every attempt has its end."""
    assert attempts(records, INTENT) == attempts(records, *ENDS)


def check_delivered(
    records: Sequence[Record], heard: Iterable[Heard], fingerprints: TicketFingerprints
) -> None:
    """Every ticket, whole or in part, came after its record; every answer that has an id is on record."""
    issued = {r["fields"]["fingerprint"]: r["seq"] for r in records if r["event"] == "ticket_issued"}
    known = {r["fields"].get(name) for r in records for name in ("issuance", "requested_as")}
    for answer in heard:
        if answer.ticket is not None:
            seq = issued.get(_fingerprint(answer.ticket, fingerprints))
            assert seq is not None, "a ticket without a record was delivered"
            assert seq < answer.log_size, "its record came after the first byte of the answer"
            receipt = answer.receipt
            assert receipt is None or receipt.index == seq, "the receipt is of another record"
        elif answer.body and answer.code not in UNRECORDED:
            assert answer.body["id"] in known, "an answer that is not on record"


def check_minted(
    records: Sequence[Record], minted: Iterable[Minted], fingerprints: TicketFingerprints
) -> None:
    """vCenter made no ticket that no intent asked for, and none whose end is not told."""
    intents = {issuance for issuance, _ in attempts(records, INTENT)}
    told = [r["fields"] for r in records if r["event"] in NAMING]
    named = {f["fingerprint"]: f for f in told if "fingerprint" in f}
    unnamed: Counter[str | None] = Counter()
    for ticket in minted:
        assert ticket.operation_id in intents, "a ticket that no intent asked for"
        fields = named.get(_fingerprint(ticket.text, fingerprints))
        if fields is None:
            unnamed[ticket.operation_id] += 1
        else:
            assert fields["issuance"] == ticket.operation_id
            assert fields["exposure_until"], "a ticket whose end is not told"
    exposed = Counter(f["issuance"] for f in told if "fingerprint" not in f and f.get("exposure_until"))
    assert unnamed <= exposed, "a ticket of which the log tells nothing"


def receipts_of(heard: Iterable[Heard]) -> list[Receipt]:
    """One of every ticket whose answer came whole."""
    return [receipt for answer in heard if (receipt := answer.receipt) is not None]


def check_columns(database: Database) -> None:
    """What is derived of a record says what the record says."""
    columns = "SELECT id, code, at, app, issuance, leaf FROM record"
    for row in database.read(lambda c: c.exec_driver_sql(columns).all()):
        record = json.loads(row.leaf)
        fields = record["fields"]
        assert (row.id, row.code, iso(row.at)) == (record["id"], record["code"], record["ts"])
        assert (row.app, row.issuance) == (fields.get("app"), fields.get("issuance"))


def _fingerprint(ticket: str, fingerprints: TicketFingerprints) -> str:
    return fingerprints.of_ticket(Secret(ticket))[0]
