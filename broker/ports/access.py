"""What the HTTP room asks of the store and the log, beside the way of a request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from broker.errors import Reason
from broker.model.inventory import Host, HostFacts, Sighting
from broker.model.issuance import IssuanceState, Origin
from broker.model.names import AccountId, AppId, GrantId, HostName, IssuanceId, VcenterId


@dataclass(frozen=True, slots=True)
class AppCredential:
    """What the store holds of an app, beside the policy: hashes only, a switch and a count."""

    app: AppId
    disabled: bool
    generation: int
    secret_hashes: tuple[bytes, ...]
    """SHA-256 of 256 random bits each; empty where the app only has keys."""


class AppCredentials(Protocol):
    """Asked at each request, so that disable and rotate cut at once. Raises LogUnavailable."""

    def credential(self, app: AppId) -> AppCredential | None:
        """What the store holds of the app; None where `broker apps add` never ran for it."""
        ...


class ReplayGuard(Protocol):
    """One use per assertion, across processes and restarts."""

    def first_use(self, app: AppId, jti: str, until: datetime) -> bool:
        """Claim `jti` by one insert; False when it was claimed before. Raises LogUnavailable."""
        ...


class AccessLog(Protocol):
    """Records of who got an access token, and who was turned away before a ticket request.

    The refusing methods raise Limited(TOO_MANY_REFUSALS) in place of recording singly when the
    app's, or the unauthenticated address', budget is spent. All raise LogUnavailable.
    """

    def token_issued(self, app: AppId, method: str, scopes: Sequence[str], origin: Origin) -> None:
        """An app authenticated and got an access token."""
        ...

    def token_refused(self, app: AppId | None, cause: str, origin: Origin) -> IssuanceId:
        """Nobody authenticated at the token endpoint; gives the answer's id.

        `app` is who it said to be, only when that is one of the policy.
        """
        ...

    def token_denied(self, app: AppId, reason: Reason, origin: Origin) -> IssuanceId:
        """An app authenticated and got no token all the same; gives the answer's id."""
        ...

    def access_refused(
        self, app: AppId | None, reason: Reason, path: str, origin: Origin, cause: str = ""
    ) -> IssuanceId:
        """A request to the API was refused before it became a ticket request; gives the answer's id.

        `cause` is what the reason does not tell: why nobody is authenticated.
        """
        ...


@dataclass(frozen=True, slots=True)
class IssuanceView:
    """One issuance as its app, or an auditor, may see it: never the ticket."""

    issuance: IssuanceId
    app: AppId
    state: IssuanceState
    reason: str | None
    """As it was recorded; an app is shown another for some."""
    host: HostName
    vcenter: VcenterId | None
    grant: GrantId | None
    attempts: int
    at: datetime
    exposure_until: datetime | None


@dataclass(frozen=True, slots=True)
class IssuancePage:
    """A page, newest first; `next_cursor` is None on the last."""

    items: tuple[IssuanceView, ...]
    next_cursor: str | None


class Issuances(Protocol):
    """Reading back what was issued and refused. `app` None means every app's (audit.read)."""

    def page(self, app: AppId | None, cursor: str | None, limit: int) -> IssuancePage:
        """Newest first. Raises InvalidName for a cursor that is not ours."""
        ...

    def one(self, app: AppId | None, issuance: IssuanceId) -> IssuanceView | None:
        """None for an unknown id and for another app's alike."""
        ...


class HostListing(Protocol):
    """The inventory as a whole, as one low-privilege account sees it."""

    def visible(self, account: AccountId) -> tuple[Sighting, ...]:
        """Every host in the account's inventory, from memory, without a call to vCenter.

        Raises Refused(INVENTORY_STALE | VCENTER_UNAVAILABLE | LOGIN_LATCHED) before the account's
        first full sync.
        """
        ...

    def known_facts(self, account: AccountId, host: Host) -> HostFacts | None:
        """The host's facts if they were read a short while ago, without a call to vCenter."""
        ...


class Health(Protocol):
    """What ails this process. Costs nothing: answered from what is known."""

    def degraded(self) -> tuple[str, ...]:
        """Codes of what does not work, of lower-case letters and underscores: no names, no addresses."""
        ...

    def can_issue(self) -> bool:
        """False only while this process can issue no ticket at all."""
        ...
