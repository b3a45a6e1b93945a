"""Attempts: intents, their one terminal outcome, and the idempotency keys that they claim.

What a record says is the audit room's business: it hands over the records, or a function that
makes one of what was decided inside the transaction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, bindparam, case, delete, func, insert, select, update

from broker.errors import LogUnavailable, Reason
from broker.model.issuance import Attempt, IssuanceState, OutcomeKind
from broker.model.names import AppId, GrantId, HostName, IssuanceId, VcenterId
from broker.model.receipt import Receipt
from broker.model.record import Record
from broker.store import claims
from broker.store.claims import Claim
from broker.store.database import Database
from broker.store.firsts import FirstUses, Use
from broker.store.place import Reserve
from broker.store.statements import Prepared
from broker.store.tables import issuance, open_attempt, record, terminal
from broker.store.times import from_ms, ms, ms_up
from broker.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Subject:
    """What an issuance, or a refused request, is about: what its app may see of it."""

    issuance: IssuanceId
    app: AppId
    host: HostName
    vcenter: VcenterId | None
    grant: GrantId | None


@dataclass(frozen=True, slots=True)
class Beginning:
    """An attempt that is about to begin, what it uses and claims, and when it must have ended."""

    subject: Subject
    use: Use
    claim: Claim | None
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended."""

    attempt: Attempt
    kind: OutcomeKind
    reason: Reason | None
    exposure_until: datetime | None


@dataclass(frozen=True, slots=True)
class Overdue:
    """An attempt without an outcome whose time is over, with the bytes of its intent record."""

    attempt: Attempt
    intent: bytes


_BATCH = 200
_OVERDUE = (
    select(open_attempt, record.c.leaf)
    .join(record, record.c.seq == open_attempt.c.intent_seq)
    .where(open_attempt.c.deadline <= bindparam("before"))
    .order_by(open_attempt.c.deadline)
    .limit(_BATCH)
)
_OPEN = Prepared(insert(open_attempt))
_ENDED = Prepared(
    select(terminal.c.seq).where(
        terminal.c.issuance == bindparam("of_issuance"), terminal.c.attempt == bindparam("of_attempt")
    )
)
_CLOSE = Prepared(
    delete(open_attempt)
    .where(
        open_attempt.c.issuance == bindparam("of_issuance"), open_attempt.c.attempt == bindparam("of_attempt")
    )
    .returning(open_attempt.c.keyed)
)
_TERMINAL = Prepared(insert(terminal))
_NEW = Prepared(insert(issuance))
_AGAIN = Prepared(
    update(issuance)
    .where(issuance.c.issuance == bindparam("of_issuance"))
    .values(attempts=bindparam("of_attempt"))
)
_UNSAID = issuance.c.state != IssuanceState.ISSUED.value
"""A ticket that was issued is never unsaid."""
_SO_FAR = func.coalesce(issuance.c.exposure_until, 0)
_EXPOSED = func.coalesce(bindparam("exposed", type_=BigInteger), 0)
_LATEST = func.nullif(case((_SO_FAR > _EXPOSED, _SO_FAR), else_=_EXPOSED), 0)
_SETTLE = Prepared(
    update(issuance)
    .where(issuance.c.issuance == bindparam("of_issuance"))
    .values(
        state=case((_UNSAID, bindparam("now_state")), else_=issuance.c.state),
        reason=case((_UNSAID, bindparam("now_reason")), else_=issuance.c.reason),
        exposure_until=_LATEST,
    )
)
_EXPOSE = Prepared(
    update(issuance).where(issuance.c.issuance == bindparam("of_issuance")).values(exposure_until=_LATEST)
)


class StoredAttempts:
    """Attempts, in the store. Every method is durable when it returns, and raises LogUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._firsts = FirstUses()

    def refuse(self, subject: Subject, reason: Reason, refusal: Record) -> None:
        """Record a request that was refused before any attempt."""

        def work(transaction: Transaction) -> None:
            (seq,) = transaction.append([refusal])
            row = _row(subject, seq, ms(self._database.clock.now()))
            row |= {"state": IssuanceState.REFUSED.value, "reason": reason.value, "attempts": 0}
            _NEW.run(transaction.connection, row)

        self._database.write(Reserve.UNTOUCHED, work)

    def begin(self, beginning: Beginning, intent_of: Callable[[Attempt], Record]) -> Attempt:
        """Claim the idempotency key and record the intent.

        Raises Refused(IDEMPOTENCY_RUNNING | IDEMPOTENCY_MISMATCH | IDEMPOTENCY_EXHAUSTED).
        """

        def work(transaction: Transaction) -> Attempt:
            connection, now = transaction.connection, ms(self._database.clock.now())
            attempt = Attempt(beginning.subject.issuance, 1, beginning.deadline)
            if beginning.claim is not None:
                attempt = claims.attempt_for(connection, beginning.claim, attempt, now)
            (seq,) = transaction.append([intent_of(attempt)])
            _open(connection, beginning, attempt, seq, now)
            self._firsts.note(connection, beginning.use, seq)
            if beginning.claim is not None:
                claims.take(connection, beginning.claim, attempt, now)
            return attempt

        attempt = self._database.write(Reserve.HALF, work)
        self._firsts.stands(beginning.use)
        return attempt

    def finish(self, ending: Ending, outcome: Record, late: Record) -> Receipt | None:
        """Record the attempt's one outcome; where it has one already, record `late` and give None."""

        def work(transaction: Transaction) -> int | None:
            connection = transaction.connection
            if closed := _CLOSE.run(connection, _key(ending.attempt)).fetchone():
                return _end(transaction, ending, outcome, *closed)
            if _ENDED.run(connection, _key(ending.attempt)).fetchone() is None:
                raise LogUnavailable("this store holds no intent of the attempt")
            transaction.append([late])
            _EXPOSE.run(connection, _exposed(ending))
            return None

        committed = self._database.commit(Reserve.NONE, work)
        return None if committed.result is None else committed.receipt(committed.result)

    def close_overdue(self, grace: timedelta, ending_of: Callable[[Overdue], tuple[Ending, Record]]) -> int:
        """Give every attempt whose deadline and grace are over the outcome that `ending_of` makes; how many.

        Several processes may do so at once: each attempt is closed by one of them.
        """

        def work(transaction: Transaction) -> int:
            overdue = self._overdue(transaction.connection, grace)
            for attempt in overdue:
                closed = _CLOSE.run(transaction.connection, _key(attempt.attempt)).fetchone()
                _end(transaction, *ending_of(attempt), *closed)
            return len(overdue)

        closed = 0
        while self._database.read(lambda c: self._overdue(c, grace)):
            closed += self._database.write(Reserve.NONE, work)
        return closed

    def _overdue(self, connection: Connection, grace: timedelta) -> tuple[Overdue, ...]:
        before = ms(self._database.clock.now() - grace)
        rows = connection.execute(_OVERDUE, {"before": before}).all()
        return tuple(
            Overdue(Attempt(IssuanceId(r.issuance), r.attempt, from_ms(r.deadline)), r.leaf) for r in rows
        )


def _open(connection: Connection, beginning: Beginning, attempt: Attempt, seq: int, now: int) -> None:
    if attempt.number == 1:
        row = _row(beginning.subject, seq, now)
        _NEW.run(connection, row | {"state": IssuanceState.PENDING.value, "reason": None, "attempts": 1})
    else:
        _AGAIN.run(connection, _key(attempt))
    values = {"issuance": attempt.issuance, "attempt": attempt.number, "intent_seq": seq}
    keyed = int(beginning.claim is not None)
    _OPEN.run(connection, values | {"deadline": ms_up(beginning.deadline), "keyed": keyed})


def _end(transaction: Transaction, ending: Ending, outcome: Record, keyed: int) -> int:
    """Put the one outcome on record, and give its position; a second one fails at the row of `terminal`."""
    connection, attempt = transaction.connection, ending.attempt
    (seq,) = transaction.append([outcome])
    _TERMINAL.run(connection, {"issuance": attempt.issuance, "attempt": attempt.number, "seq": seq})
    now = {"now_state": ending.kind.value, "now_reason": ending.reason}
    _SETTLE.run(connection, _exposed(ending) | now)
    if keyed:
        claims.end(connection, attempt, ending.kind)
    return seq


def _exposed(ending: Ending) -> dict[str, object]:
    until = None if ending.exposure_until is None else ms_up(ending.exposure_until)
    return {"of_issuance": ending.attempt.issuance, "exposed": until}


def _row(subject: Subject, seq: int, now: int) -> dict[str, object]:
    return {
        "seq": seq,
        "issuance": subject.issuance,
        "app": subject.app,
        "host": subject.host,
        "vcenter": subject.vcenter,
        "grant_id": subject.grant,
        "at": now,
        "exposure_until": None,
    }


def _key(attempt: Attempt) -> dict[str, object]:
    return {"of_issuance": attempt.issuance, "of_attempt": attempt.number}
