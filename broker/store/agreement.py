"""Whether the state of issuances is what the columns of their records say.

The columns are an index; who verifies holds them against the records themselves as well.
"""

from sqlalchemy import and_, bindparam, case, false, func, or_, select

from broker.model.issuance import IssuanceState
from broker.model.record import Event
from broker.store.statements import Prepared
from broker.store.tables import issuance, record, terminal

_begun, _ended = record.alias("begun"), record.alias("ended")
_STATE = case(
    {
        Event.TICKET_ISSUED.value: IssuanceState.ISSUED.value,
        Event.TICKET_REFUSED.value: IssuanceState.REFUSED.value,
        Event.TICKET_FAILED.value: IssuanceState.FAILED.value,
        Event.TICKET_UNKNOWN.value: IssuanceState.UNKNOWN.value,
    },
    value=_ended.c.code,
)
_SUBJECT = and_(
    issuance.c.issuance == _begun.c.issuance,
    issuance.c.app == _begun.c.app,
    issuance.c.host == _begun.c.host,
    issuance.c.vcenter.is_not_distinct_from(_begun.c.vcenter),
    issuance.c.grant_id.is_not_distinct_from(_begun.c.grant_id),
)
_REFUSED = and_(
    _begun.c.code == Event.REQUEST_REFUSED.value,
    terminal.c.seq.is_(None),
    issuance.c.attempts == 0,
    issuance.c.state == IssuanceState.REFUSED.value,
    issuance.c.reason.is_not_distinct_from(_begun.c.reason),
    issuance.c.exposure_until.is_(None),
)
_PENDING = and_(
    _begun.c.code == Event.TICKET_INTENT.value,
    terminal.c.seq.is_(None),
    issuance.c.attempts == 1,
    issuance.c.state == IssuanceState.PENDING.value,
    issuance.c.reason.is_(None),
    issuance.c.exposure_until.is_(None),
)
_ENDED = and_(
    _begun.c.code == Event.TICKET_INTENT.value,
    issuance.c.attempts == 1,
    issuance.c.issuance == _ended.c.issuance,
    issuance.c.state == _STATE,
    issuance.c.reason.is_not_distinct_from(_ended.c.reason),
    issuance.c.exposure_until.is_not_distinct_from(_ended.c.exposed_until),
)
DOUBTFUL = Prepared(
    select(issuance.c.issuance)
    .outerjoin(_begun, _begun.c.seq == issuance.c.seq)
    .outerjoin(terminal, and_(terminal.c.issuance == issuance.c.issuance, terminal.c.attempt == 1))
    .outerjoin(_ended, _ended.c.seq == terminal.c.seq)
    .where(issuance.c.seq >= bindparam("first"), issuance.c.seq < bindparam("end"))
    .where(~func.coalesce(and_(_SUBJECT, or_(_REFUSED, _PENDING, _ENDED)), false()))
)
"""Of the issuances that begin from `first` on, before `end`: those that had more than one attempt or a late
result, and those of which the two say different things."""
