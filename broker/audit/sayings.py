"""The records of a ticket's way: each event's fields, put together from what the way knows.

A field that is unknown is left out. Nothing here is a secret: of a ticket there is a keyed
fingerprint, of an idempotency key a digest.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from broker.errors import Limited, Refused
from broker.model.issuance import (
    CIM_ACCESS,
    Attempt,
    Caller,
    DryRun,
    Intent,
    NotAttempted,
    Origin,
    Outcome,
    OutcomeKind,
    Proof,
    TicketRequest,
)
from broker.model.names import IdempotencyKey
from broker.model.record import Event, JsonValue, Record
from broker.policy.decide import SYSTEM_PRIVILEGES
from broker.store.times import iso, ms, ms_up

Fields = dict[str, JsonValue]

_EVENT_OF: Final = {
    OutcomeKind.ISSUED: Event.TICKET_ISSUED,
    OutcomeKind.REFUSED: Event.TICKET_REFUSED,
    OutcomeKind.FAILED: Event.TICKET_FAILED,
    OutcomeKind.UNKNOWN: Event.TICKET_UNKNOWN,
}
ATTEMPT_FIELDS: Final = (
    "issuance",
    "attempt",
    "app",
    "grant",
    "template",
    "template_revision",
    "account",
    "vcenter",
    "host",
    "policy_revision",
)
"""What an outcome repeats of its intent, so that it can be read alone."""


def origin_fields(origin: Origin) -> Fields:
    """Where a request came from."""
    return {"address": origin.address, "user_agent": origin.user_agent}


def intent_record(attempt: Attempt, intent: Intent, key: IdempotencyKey | None, deadline: datetime) -> Record:
    """An attempt that begins. `requested_as` is the id of the request that made a further attempt."""
    fields = _intent_fields(attempt, intent) | {
        **origin_fields(intent.origin),
        "instance_uuid": intent.host.instance_uuid,
        "moid": intent.host.moid,
        "deadline": iso(ms_up(deadline)),
    }
    if attempt.issuance != intent.issuance:
        fields["requested_as"] = intent.issuance
    if key is not None:
        fields["idempotency_key_sha256"] = hashlib.sha256(key.encode()).hexdigest()
    return Record(Event.TICKET_INTENT, fields)


def outcome_record(attempt: Attempt, intent: Intent, outcome: Outcome) -> Record:
    """How an attempt ended."""
    fields = _intent_fields(attempt, intent) | _outcome_fields(outcome)
    return Record(_EVENT_OF[outcome.kind], fields)


def late_record(attempt: Attempt, intent: Intent, outcome: Outcome) -> Record:
    """An outcome that came after the attempt had been closed: its ticket was discarded."""
    fields = _intent_fields(attempt, intent) | _outcome_fields(outcome)
    return Record(Event.TICKET_LATE_RESULT, fields | {"outcome": outcome.kind.value})


def orphan_record(intent_leaf: bytes, reason: str, exposure_until: datetime) -> Record:
    """An attempt that was left without an outcome, told from the bytes of its intent."""
    intent = json.loads(intent_leaf)
    fields: Fields = {name: intent["fields"][name] for name in ATTEMPT_FIELDS if name in intent["fields"]}
    fields |= {
        "reason": reason,
        "exposure_from": intent["ts"],
        "exposure_until": iso(ms_up(exposure_until)),
    }
    return Record(Event.TICKET_UNKNOWN, fields)


def refusal_record(
    request: TicketRequest, caller: Caller, refusal: Refused, policy_revision: str, proof: Proof | None
) -> Record:
    """A request that was refused before any intent."""
    fields: Fields = {
        "issuance": request.issuance,
        "app": caller.app,
        **origin_fields(caller.origin),
        "host": request.host,
        "dry_run": request.dry_run,
        "reason": refusal.reason.value,
        "policy_revision": policy_revision,
    }
    if isinstance(refusal, Limited):
        fields["retry_after_s"] = refusal.retry_after_s
    known = {"vcenter": request.vcenter, "grant": request.grant, "detail": refusal.detail or None}
    return Record(Event.REQUEST_REFUSED, fields | _known(known) | (_proof_fields(proof) if proof else {}))


def rehearsal_record(dry_run: DryRun, caller: Caller, proof: Proof, policy_revision: str) -> Record:
    """A dry run that would have been answered with a ticket."""
    fields: Fields = {
        "issuance": dry_run.issuance,
        "app": caller.app,
        **origin_fields(caller.origin),
        "grant": dry_run.grant,
        "template": dry_run.template,
        "template_revision": dry_run.template_revision,
        "account": dry_run.account,
        "vcenter": dry_run.host.ref.vcenter,
        "host": dry_run.host.name,
        "instance_uuid": dry_run.host.ref.instance_uuid,
        "moid": dry_run.host.ref.moid,
        "policy_revision": policy_revision,
        "cim_access": CIM_ACCESS,
        "warnings": list(dry_run.warnings),
    }
    return Record(Event.DRY_RUN_ALLOWED, fields | _proof_fields(proof))


def not_attempted_record(rest: NotAttempted, caller: Caller) -> Record:
    """What is left of a batch that ended early."""
    fields: Fields = {
        "issuance": rest.batch,
        "app": caller.app,
        **origin_fields(caller.origin),
        "hosts": list(rest.hosts),
        "count": len(rest.hosts),
        "ended_by": rest.ended_by.value,
    }
    return Record(Event.NOT_ATTEMPTED, fields | _known({"vcenter": rest.vcenter, "grant": rest.grant}))


def _intent_fields(attempt: Attempt, intent: Intent) -> Fields:
    return {
        "issuance": attempt.issuance,
        "attempt": attempt.number,
        "app": intent.app,
        "grant": intent.grant,
        "template": intent.template,
        "template_revision": intent.template_revision,
        "account": intent.account,
        "vcenter": intent.host.vcenter,
        "host": intent.host_name,
        "policy_revision": intent.policy_revision,
    }


def _outcome_fields(outcome: Outcome) -> Fields:
    since, until = outcome.exposure_from, outcome.exposure_until
    known: dict[str, JsonValue] = {
        "reason": outcome.reason.value if outcome.reason else None,
        "detail": outcome.detail or None,
        "exposure_from": None if since is None else iso(ms(since)),
        "exposure_until": None if until is None else iso(ms_up(until)),
        "fingerprint": outcome.fingerprint,
        "fingerprint_key": outcome.fingerprint_key_id,
        "cim_access": CIM_ACCESS if outcome.kind is OutcomeKind.ISSUED else None,
        "warnings": list(outcome.warnings) or None,
    }
    return _known(known) | (_proof_fields(outcome.proof) if outcome.proof else {})


def _proof_fields(proof: Proof) -> Fields:
    return {
        "proof_digest": proof.digest,
        "proof_age_ms": round(proof.age_s * 1000),
        "root_privileges": sorted(proof.root_privileges - SYSTEM_PRIVILEGES),
    }


def _known(fields: Mapping[str, JsonValue]) -> Fields:
    return {name: value for name, value in fields.items() if value is not None}
