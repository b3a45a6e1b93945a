"""Records of who got an access token, and of who was turned away before a ticket request."""

from collections.abc import Sequence

from broker.audit.refusals import RefusalBudget
from broker.audit.sayings import Fields, origin_fields
from broker.audit.sources import of_address, of_app
from broker.errors import Reason
from broker.ids import new_issuance_id
from broker.model.issuance import Origin
from broker.model.names import AppId, IssuanceId
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve


class AuditAccessLog:
    """The AccessLog port on the store. All methods raise LogUnavailable.

    The refusing ones raise Limited(TOO_MANY_REFUSALS) when the budget is spent. Where nobody is
    authenticated the address pays, and the app is only claimed: whoever knows an app's name cannot
    use up its budget. An app that is authenticated pays itself: it cannot use up the budget of an
    address that others share.
    """

    def __init__(self, database: Database, refusals: RefusalBudget) -> None:
        self._log = StoredLog(database)
        self._clock = database.clock
        self._refusals = refusals

    def token_issued(self, app: AppId, method: str, scopes: Sequence[str], origin: Origin) -> None:
        """An app authenticated and got an access token."""
        fields: Fields = {
            "app": app,
            "method": method,
            "scopes": sorted(scopes),
            **origin_fields(origin),
        }
        self._log.append([Record(Event.TOKEN_ISSUED, fields)], Reserve.HALF)

    def token_refused(self, app: AppId | None, cause: str, origin: Origin) -> IssuanceId:
        """Nobody authenticated at the token endpoint; gives the answer's id."""
        self._refusals.charge(of_address(origin), cause)
        fields: Fields = {"reason": Reason.INVALID_CLIENT.value, "cause": cause, **origin_fields(origin)}
        if app is not None:
            fields["claimed_app"] = app
        return self._refused(Event.TOKEN_REFUSED, fields)

    def token_denied(self, app: AppId, reason: Reason, origin: Origin) -> IssuanceId:
        """An app authenticated and got no token all the same; gives the answer's id."""
        self._refusals.charge(of_app(app), reason.value)
        fields: Fields = {"reason": reason.value, "app": app, **origin_fields(origin)}
        return self._refused(Event.TOKEN_REFUSED, fields)

    def access_refused(
        self, app: AppId | None, reason: Reason, path: str, origin: Origin, cause: str = ""
    ) -> IssuanceId:
        """A request to the API was refused before it became a ticket request; gives the answer's id."""
        self._refusals.charge(of_address(origin) if app is None else of_app(app), cause or reason.value)
        fields: Fields = {"reason": reason.value, "path": path, **origin_fields(origin)}
        if app is not None:
            fields["app"] = app
        if cause:
            fields["cause"] = cause
        return self._refused(Event.ACCESS_REFUSED, fields)

    def _refused(self, event: Event, fields: Fields) -> IssuanceId:
        answer = new_issuance_id(self._clock)
        self._log.append([Record(event, {"issuance": answer, **fields})], Reserve.UNTOUCHED)
        return answer
