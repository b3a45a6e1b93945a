"""Who may have what, as operators and the controller left it: read at each decision, kept while nobody wrote.

Whatever changes a row of the tables behind it moves a counter in the same transaction (`tables.py`),
so one look at the counter tells whether what was read last still holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.model.applied import AppliedGrant
from broker.model.names import AppId, GrantId, VcenterId
from broker.ports.access import AppCredential
from broker.store.applied import StoredGrants
from broker.store.counters import Counter, value_of
from broker.store.credentials import CredentialRows, StoredCredentials
from broker.store.database import Database
from broker.store.heard import StoredHeard
from broker.store.switches import GrantSwitches
from broker.store.times import ms


@dataclass(frozen=True, slots=True)
class _Kept:
    generation: int
    credentials: Mapping[AppId, CredentialRows]
    disabled: frozenset[GrantId]
    grants: Mapping[GrantId, AppliedGrant]


@dataclass(frozen=True, slots=True)
class _InForce:
    """The InForce port, at the millisecond `at`."""

    kept: _Kept
    at: int
    times: StoredHeard

    def credential(self, app: AppId) -> AppCredential | None:
        """What holds of the app, hashes in their overlap included; None where it was never added."""
        rows = self.kept.credentials.get(app)
        return None if rows is None else rows.at(self.at)

    def grant_disabled(self, grant: GrantId) -> bool:
        """Whether an operator cut this grant."""
        return grant in self.kept.disabled

    def applied(self, grant: GrantId) -> AppliedGrant | None:
        """The grant as it stands in vCenter, or None where nothing was applied."""
        return self.kept.grants.get(grant)

    def heard(self, vcenter: VcenterId) -> datetime | None:
        """When the controller last knew how that vCenter stands. Raises LogUnavailable."""
        return self.times.heard(vcenter)


class StoredEntitlements:
    """The Entitlements port on the store. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._credentials = StoredCredentials(database)
        self._switches = GrantSwitches(database)
        self._grants = StoredGrants(database)
        self._times = StoredHeard(database)
        self._kept: _Kept | None = None

    def now(self) -> _InForce:
        """What holds now. Raises LogUnavailable."""
        generation = self._database.read(lambda c: value_of(c, Counter.ENTITLEMENTS))
        kept = self._kept
        if kept is None or kept.generation != generation:
            kept = self._kept = self._read(generation)
        return _InForce(kept, ms(self._database.clock.now()), self._times)

    def _read(self, generation: int) -> _Kept:
        """The rows, which may be newer than their generation: then the next look reads them once more."""
        return _Kept(
            generation,
            self._credentials.rows(),
            frozenset(self._switches.disabled()),
            {grant.grant: grant for grant in self._grants.all()},
        )
