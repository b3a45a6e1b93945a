"""Reading back what was issued and refused, as an app or an auditor may see it."""

from sqlalchemy import Connection, Row, bindparam, select

from broker.errors import InvalidName
from broker.model.issuance import IssuanceState
from broker.model.names import AppId, GrantId, HostName, IssuanceId, VcenterId, parse_issuance_id
from broker.ports.access import IssuancePage, IssuanceView
from broker.store.database import Database
from broker.store.tables import issuance
from broker.store.times import from_ms

MAX_PAGE = 500

_ONE = select(issuance).where(issuance.c.issuance == bindparam("wanted"))
_EVERY = select(issuance).where(issuance.c.seq < bindparam("before")).order_by(issuance.c.seq.desc())
_OF_APP = _EVERY.where(issuance.c.app == bindparam("of_app"))
_END = 2**62


class StoredIssuances:
    """Issuances, in the store. Every method raises LogUnavailable.

    With an app, rows of other apps do not exist; without one, for auditors, all do. A reason is
    the one that was recorded: what an app is told instead is for the HTTP side to say.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, app: AppId | None, cursor: str | None, limit: int) -> IssuancePage:
        """Newest first, 1 to 500 a page. Raises InvalidName for a cursor that is not ours.

        A cursor is the id of the last row shown, so it tells an app nothing that it did not know.
        """
        rows = self._database.read(lambda c: _rows(c, app, _position(c, app, cursor), limit))
        shown = rows[: _within(limit)]
        more = len(rows) > len(shown)
        return IssuancePage(
            items=tuple(_view(row) for row in shown),
            next_cursor=shown[-1].issuance if more else None,
        )

    def one(self, app: AppId | None, issuance: IssuanceId) -> IssuanceView | None:
        """None for an unknown id and for another app's alike."""
        row = self._database.read(lambda c: c.execute(_ONE, {"wanted": issuance}).first())
        return None if row is None or app not in (None, row.app) else _view(row)


def _within(limit: int) -> int:
    return min(max(limit, 1), MAX_PAGE)


def _rows(
    connection: Connection, app: AppId | None, before: int, limit: int
) -> list[Row[tuple[object, ...]]]:
    wanted, values = (_EVERY, {}) if app is None else (_OF_APP, {"of_app": app})
    return list(connection.execute(wanted.limit(_within(limit) + 1), {**values, "before": before}).all())


def _position(connection: Connection, app: AppId | None, cursor: str | None) -> int:
    if cursor is None:
        return _END
    row = connection.execute(_ONE, {"wanted": parse_issuance_id(cursor)}).first()
    if row is None or app not in (None, row.app):
        raise InvalidName("cursor", "the next_cursor of a page that you were given")
    return int(row.seq)


def _view(row: Row[tuple[object, ...]]) -> IssuanceView:
    return IssuanceView(
        issuance=IssuanceId(row.issuance),
        app=AppId(row.app),
        state=IssuanceState(row.state),
        reason=row.reason,
        host=HostName(row.host),
        vcenter=None if row.vcenter is None else VcenterId(row.vcenter),
        grant=None if row.grant_id is None else GrantId(row.grant_id),
        attempts=row.attempts,
        at=from_ms(row.at),
        exposure_until=None if row.exposure_until is None else from_ms(row.exposure_until),
    )
