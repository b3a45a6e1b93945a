"""What the controller made of the policy: the only thing that crosses from it to `serve`."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from broker.model.names import GrantId, Moid, VcenterId


class Standing(StrEnum):
    """Whether what was applied still holds, as the controller last saw it."""

    HOLDS = "holds"
    DRIFTED = "drifted"


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
    standing: Standing
    finding: str
    """Why it no longer holds; empty while it does."""
    _roots: frozenset[tuple[str, Moid]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the scope ready for `covers`, which a listing asks of every host."""
        object.__setattr__(self, "_roots", frozenset((e.instance_uuid, e.moid) for e in self.scope))

    def covers(self, instance_uuid: str, lineage: tuple[Moid, ...]) -> bool:
        """Whether a host with this lineage (itself first, then its ancestors) is in the scope."""
        return any((instance_uuid, moid) in self._roots for moid in lineage)
