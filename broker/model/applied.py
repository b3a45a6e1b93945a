"""What the controller made of the policy: the only thing that crosses from it to `serve`."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from broker.model.names import GrantId, Moid, VcenterId


class Standing(StrEnum):
    """Whether what was applied still holds, as the controller last saw it."""

    HOLDS = "holds"
    DRIFTED = "drifted"
    NARROWED = "narrowed"
    """Drifted as well, but nobody gained anything by it."""


class DriftKind(StrEnum):
    """In which way vCenter differs from what was applied: the closed list of outputs and metrics."""

    WIDENED = "widened"
    """A role or a permission gives more than it was given."""
    NARROWED = "narrowed"
    """A role or a permission gives less, or is gone."""
    REPLACED = "replaced"
    """Something else stands there under its name, or it stands there under another name."""
    MOVED = "moved"
    """A path of the scope leads to another object than it did, or to none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was applied, in words that print."""

    kind: DriftKind
    text: str
    changed_by: str = ""
    """The user that vCenter's event names, in words that print; empty where no event tells."""

    def __str__(self) -> str:
        return f"{self.text} (changed by {self.changed_by})" if self.changed_by else self.text


@dataclass(frozen=True, slots=True)
class Drift:
    """Everything about one grant that no longer holds, and when it was found to be so."""

    findings: tuple[Finding, ...]
    found_at: datetime

    def __str__(self) -> str:
        return "; ".join(map(str, self.findings))

    @property
    def kinds(self) -> tuple[DriftKind, ...]:
        """Each kind once, in the order of the list."""
        found = {finding.kind for finding in self.findings}
        return tuple(kind for kind in DriftKind if kind in found)

    @property
    def changed_by(self) -> tuple[str, ...]:
        """Everybody whom an event names, each once, in order."""
        return tuple(sorted({f.changed_by for f in self.findings if f.changed_by}))


@dataclass(frozen=True, slots=True)
class ScopeEntry:
    """One inventory path and the object it resolved to."""

    path: str
    instance_uuid: str
    moid: Moid


@dataclass(frozen=True, slots=True)
class AppliedGrant:
    """A grant as it stands in vCenter. `digest` is the digest of the grant that was applied."""

    grant: GrantId
    digest: str
    vcenter: VcenterId
    scope: tuple[ScopeEntry, ...]
    role_id: int
    applied_at: datetime
    drift: Drift | None = None
    """Why it no longer holds; None while it does."""
    _roots: frozenset[tuple[str, Moid]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the scope ready for `covers`, which a listing asks of every host."""
        object.__setattr__(self, "_roots", frozenset((e.instance_uuid, e.moid) for e in self.scope))

    @property
    def standing(self) -> Standing:
        """Whether it still holds."""
        if self.drift is None:
            return Standing.HOLDS
        only_less = set(self.drift.kinds) <= {DriftKind.NARROWED}
        return Standing.NARROWED if only_less else Standing.DRIFTED

    @property
    def finding(self) -> str:
        """Why it no longer holds, in one line that prints; empty while it does."""
        return "" if self.drift is None else str(self.drift)

    def stands_as(
        self, digest: str, vcenter: VcenterId, scope: tuple[ScopeEntry, ...], role_id: int | None
    ) -> bool:
        """Whether it was applied just so, and still holds."""
        given = (self.digest, self.vcenter, self.scope, self.role_id)
        return self.drift is None and given == (digest, vcenter, scope, role_id)

    def covers(self, instance_uuid: str, lineage: tuple[Moid, ...]) -> bool:
        """Whether a host with this lineage (itself first, then its ancestors) is in the scope."""
        return any((instance_uuid, moid) in self._roots for moid in lineage)
