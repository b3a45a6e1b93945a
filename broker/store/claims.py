"""Idempotency keys: who holds one, and which attempt a request with it makes.

Called inside the transaction that records the intent or the outcome, which alone may change a
claim. A key is bound to its app and to the digest of its first request for 24 hours; once it gave a
ticket, to the target of that ticket too.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, Row, bindparam, select, update

from broker.errors import Reason, Refused
from broker.model.issuance import Attempt, OutcomeKind
from broker.model.names import AppId, IdempotencyKey, IssuanceId
from broker.store.statements import Prepared
from broker.store.tables import idempotency
from broker.store.upserts import put

KEPT_MS = 24 * 60 * 60 * 1000
MAX_ATTEMPTS = 3

_HELD = select(idempotency).where(
    idempotency.c.app == bindparam("of_app"), idempotency.c.key == bindparam("of_key")
)
_END = Prepared(
    update(idempotency)
    .where(
        idempotency.c.issuance == bindparam("of_issuance"), idempotency.c.attempt == bindparam("of_attempt")
    )
    .values(running=0, issued=idempotency.c.issued.bitwise_or(bindparam("now_issued")))
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A key as a request presents it.

    `digest` is of the request's words, `target` what they were found to mean now: a name can mean
    another host tomorrow.
    """

    app: AppId
    key: IdempotencyKey
    digest: str
    target: str


def attempt_for(connection: Connection, claim: Claim, fresh: Attempt, now: int) -> Attempt:
    """The attempt that this request makes: `fresh`, or the next of the issuance before.

    Once an issuance gave a ticket, its key only ever makes further attempts of it, so that a
    failed reissue does not start the count anew, and all of them for its target: who reads of the
    issuance reads of every ticket under it. Raises Refused(IDEMPOTENCY_MISMATCH |
    IDEMPOTENCY_RUNNING | IDEMPOTENCY_EXHAUSTED).
    """
    held = _held(connection, claim, now)
    if held is None:
        return fresh
    if held.digest != claim.digest:
        raise Refused(Reason.IDEMPOTENCY_MISMATCH, f"first used for {held.issuance}")
    if held.running:
        raise Refused(Reason.IDEMPOTENCY_RUNNING, f"attempt {held.attempt} of {held.issuance}")
    if not held.issued:
        return fresh
    if held.target != claim.target:
        raise Refused(Reason.IDEMPOTENCY_MISMATCH, f"{held.issuance} is for another host or grant")
    if held.attempt >= MAX_ATTEMPTS:
        raise Refused(Reason.IDEMPOTENCY_EXHAUSTED, f"{held.attempt} attempts of {held.issuance}")
    return replace(fresh, issuance=IssuanceId(held.issuance), number=held.attempt + 1)


def take(connection: Connection, claim: Claim, attempt: Attempt, now: int) -> None:
    """Hold the key for `attempt` until `end`. The 24 hours run from its first use."""
    held = _held(connection, claim, now)
    values = {
        "app": claim.app,
        "key": claim.key,
        "digest": claim.digest,
        "target": claim.target,
        "issuance": attempt.issuance,
        "attempt": attempt.number,
        "running": 1,
        "issued": int(attempt.number > 1),
        "until": now + KEPT_MS if held is None else held.until,
    }
    put(connection, idempotency, values)


def end(connection: Connection, attempt: Attempt, kind: OutcomeKind) -> None:
    """Let go of the key that `attempt` holds, if it still does."""
    _END.run(
        connection,
        {
            "of_issuance": attempt.issuance,
            "of_attempt": attempt.number,
            "now_issued": int(kind is OutcomeKind.ISSUED),
        },
    )


def _held(connection: Connection, claim: Claim, now: int) -> Row[tuple[object, ...]] | None:
    """The claim that stands; one that runs stands however old it is."""
    held = connection.execute(_HELD, {"of_app": claim.app, "of_key": claim.key}).first()
    return held if held is not None and (held.running or now < held.until) else None
