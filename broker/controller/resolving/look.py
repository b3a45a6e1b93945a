"""One look at everything that is applied, now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from broker.controller.changes import Changes
from broker.controller.comparing import look, standing_as_written
from broker.controller.rooms import ControllerRooms
from broker.errors import BrokerError, LogUnavailable
from broker.model.applied import AppliedGrant
from broker.model.names import GrantId, VcenterId
from broker.model.policy import Policy
from broker.texts import cleaned

_MAX_PROBLEM = 1000


@dataclass(frozen=True, slots=True)
class Looked:
    """What stands in the store after a look."""

    grants: tuple[AppliedGrant, ...]
    """Those that are applied as they are written, drifted or not, in the order of their ids."""
    not_applied: tuple[GrantId, ...]
    """Those of the policy that are not applied as they are written, in order."""
    unasked: Mapping[VcenterId, str]
    """The vCenters that could not be asked, and why: of them is told what was known before."""

    @property
    def hold(self) -> tuple[AppliedGrant, ...]:
        """The grants that hold, as was seen now."""
        return tuple(each for each in self.grants if each.drift is None and each.vcenter not in self.unasked)

    @property
    def drifted(self) -> tuple[AppliedGrant, ...]:
        """The grants that no longer hold."""
        return tuple(applied for applied in self.grants if applied.drift is not None)


def look_now(policy: Policy, rooms: ControllerRooms) -> Looked:
    """Look at every vCenter with applied grants, and mark what changed. Raises LogUnavailable."""
    unasked: dict[VcenterId, str] = {}
    for vcenter, grants in sorted(standing_as_written(policy, rooms.store.all()).items()):
        try:
            began_at, changes = rooms.clock.now(), Changes()
            administration = rooms.administration(policy.vcenters[vcenter])
            changes.note(administration.events())
            look(policy, grants, administration, changes, rooms)
            rooms.heard.hear(vcenter, began_at)
        except LogUnavailable:
            raise
        except BrokerError as error:
            unasked[vcenter] = cleaned(str(error), _MAX_PROBLEM)
    after = standing_as_written(policy, rooms.store.all())
    standing = sorted((each for grants in after.values() for each in grants), key=lambda each: each.grant)
    not_applied = policy.to_apply().grants.keys() - {each.grant for each in standing}
    return Looked(tuple(standing), tuple(sorted(not_applied)), unasked)


def drifted(policy: Policy, applied: Iterable[AppliedGrant]) -> tuple[GrantId, ...]:
    """The grants that were found drifted and are still written as they were applied, in order."""
    standing = standing_as_written(policy, applied)
    found = (each.grant for grants in standing.values() for each in grants if each.drift is not None)
    return tuple(sorted(found))
