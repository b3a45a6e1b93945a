"""What reports ask of the store. What the rows mean is the audit room's business."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from broker.model.issuance import TICKET_LIFE_S
from broker.model.names import IssuanceId
from broker.model.record import Event
from broker.model.search import RecordFilter
from broker.store.database import Database
from broker.store.log import Leaf
from broker.store.search import conditions, placed
from broker.store.tables import issuance, named_host, open_attempt, record, used_template
from broker.store.times import ms, ms_up

_LIFE_MS = TICKET_LIFE_S * 1000
_END = 2**62


@dataclass(frozen=True, slots=True)
class Exposed:
    """A record of a ticket that may have been usable; of an intent that has no outcome yet, until when."""

    leaf: Leaf
    open_until: int | None


@dataclass(frozen=True, slots=True)
class Named:
    """A host by a name of it, and the first intent in which it had that name."""

    vcenter: str
    instance_uuid: str
    moid: str
    host: str
    seq: int


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision of a template, and the first intent of an app under it; the time in milliseconds."""

    template: str
    revision: str
    seq: int
    at: int


@dataclass(frozen=True, slots=True)
class Issued:
    """A row of `issuance`, and the bytes of its first record."""

    row: Row[tuple[object, ...]]
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Sum:
    """How many records of one reason, app and event there are, and when the first and the last was."""

    reason: str
    app: str | None
    code: str
    count: int
    first: int
    last: int


class StoredReports:
    """What reports ask, in the store. Every method raises LogUnavailable. Pages go back from `before`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def exposed(self, wanted: RecordFilter, before: int | None, limit: int) -> tuple[Exposed, ...]:
        """Records of tickets of a host whose lives overlap the filter's time, and intents without an outcome.

        A life is from `exposed_from` to `exposed_until`, both included.
        """
        return self._database.read(lambda c: _exposed(c, wanted, before, limit))

    def names_of(self, host: str) -> tuple[Named, ...]:
        """Every name, this one included, of the hosts that ever stood in an intent by this name."""
        same = named_host.alias()
        rows = (
            select(named_host)
            .join(
                same,
                (same.c.vcenter == named_host.c.vcenter)
                & (same.c.instance_uuid == named_host.c.instance_uuid)
                & (same.c.moid == named_host.c.moid),
            )
            .where(same.c.host == host)
            .order_by(named_host.c.seq)
        )
        return tuple(
            Named(r.vcenter, r.instance_uuid, r.moid, r.host, r.seq)
            for r in self._database.read(lambda c: c.execute(rows).all())
        )

    def issuances(self, wanted: RecordFilter, before: int | None, limit: int) -> tuple[Issued, ...]:
        """Issuances of an app, and what it was refused before any, the newest first."""
        return self._database.read(lambda c: _issuances(c, wanted, before, limit))

    def revisions(self, app: str) -> tuple[Revision, ...]:
        """The revisions of templates under which an app began attempts, in the order in which it did."""
        rows = (
            select(used_template, record.c.at)
            .join(record, record.c.seq == used_template.c.seq)
            .where(used_template.c.app == app)
            .order_by(used_template.c.seq, used_template.c.template)
        )
        found = self._database.read(lambda c: c.execute(rows).all())
        return tuple(Revision(r.template, r.revision, r.seq, r.at) for r in found)

    def sums(self, wanted: RecordFilter) -> tuple[Sum, ...]:
        """All records that have a reason, by reason, app and event."""
        columns = record.c
        by = (columns.reason, columns.app, columns.code)
        rows = (
            select(*by, func.count(), func.min(columns.at), func.max(columns.at))
            .where(columns.reason.is_not(None), *_out_of_the_index(wanted))
            .group_by(*by)
        )
        return tuple(Sum(*row) for row in self._database.read(lambda c: c.execute(rows).all()))

    def late(self, issuances: Sequence[IssuanceId]) -> tuple[Leaf, ...]:
        """The late results of these issuances, in order."""
        rows = (
            select(record.c.seq, record.c.leaf)
            .where(record.c.issuance.in_(issuances), record.c.code == Event.TICKET_LATE_RESULT.value)
            .order_by(record.c.seq)
        )
        found = self._database.read(lambda c: c.execute(rows).all())
        return tuple(Leaf(r.seq, r.leaf) for r in found)


def _exposed(
    connection: Connection, wanted: RecordFilter, before: int | None, limit: int
) -> tuple[Exposed, ...]:
    told = connection.execute(_told(wanted, _before(before)).limit(limit)).scalars()
    deadlines = {row.seq: row.deadline for row in connection.execute(_untold(wanted, _before(before)))}
    shown = sorted({*told, *deadlines}, reverse=True)[:limit]
    rows = select(record.c.seq, record.c.leaf).where(record.c.seq.in_(shown)).order_by(record.c.seq.desc())
    return tuple(
        Exposed(Leaf(row.seq, row.leaf), deadlines[row.seq] + _LIFE_MS if row.seq in deadlines else None)
        for row in connection.execute(rows).all()
    )


def _told(wanted: RecordFilter, before: int) -> Select[tuple[int]]:
    """Positions of records that tell of lives, out of the index of lives alone.

    With `+ 0`, so that no index is taken for the order: it would be read to its end.
    """
    columns = record.c
    holds = [columns.exposed_until.is_not(None), columns.seq + 0 < before, *_about(wanted)]
    if wanted.since is not None:
        holds.append(columns.exposed_until >= ms(wanted.since))
    if wanted.until is not None:
        holds.append(columns.exposed_from < ms_up(wanted.until))
    return select(columns.seq).where(*holds).order_by((columns.seq + 0).desc())


def _untold(wanted: RecordFilter, before: int) -> Select[tuple[int, int]]:
    """The intents of whose tickets no record tells yet: as few as attempts that run."""
    columns, deadline = record.c, open_attempt.c.deadline
    holds = [columns.seq < before, *_about(replace(wanted, host=None))]
    if wanted.host is not None:
        holds.append(func.coalesce(columns.host, "") == wanted.host)
    if wanted.since is not None:
        holds.append(deadline + _LIFE_MS >= ms(wanted.since))
    if wanted.until is not None:
        holds.append(columns.at < ms_up(wanted.until))
    joined = select(columns.seq, deadline).join(open_attempt, open_attempt.c.intent_seq == columns.seq)
    return joined.where(*holds)


def _about(wanted: RecordFilter) -> list[ColumnElement[bool]]:
    return conditions(replace(wanted, since=None, until=None))


def _issuances(
    connection: Connection, wanted: RecordFilter, before: int | None, limit: int
) -> tuple[Issued, ...]:
    times = placed(connection, RecordFilter(since=wanted.since, until=wanted.until))
    if times is None:
        return ()
    rows = (
        select(issuance, record.c.leaf)
        .join(record, record.c.seq == issuance.c.seq)
        .where(issuance.c.app == wanted.app, issuance.c.seq < _before(before), *conditions(times))
        .order_by(issuance.c.seq.desc())
        .limit(limit)
    )
    return tuple(Issued(row, row.leaf) for row in connection.execute(rows).all())


def _out_of_the_index(wanted: RecordFilter) -> list[ColumnElement[bool]]:
    """The filter on what the index of reasons holds, so said that no other index is taken for it.

    That one has all that is asked for: another would read a row for each of its entries.
    """
    columns, holds = record.c, conditions(RecordFilter(reason=wanted.reason))
    if wanted.app is not None:
        holds.append(func.coalesce(columns.app, "") == wanted.app)
    if wanted.since is not None:
        holds.append(columns.at + 0 >= ms_up(wanted.since))
    if wanted.until is not None:
        holds.append(columns.at + 0 < ms_up(wanted.until))
    return holds


def _before(before: int | None) -> int:
    return _END if before is None else before
