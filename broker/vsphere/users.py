"""What is asked about a user on the privileged session: what it holds, and whether it is there at all.

Faults come as pyVmomi raises them.
"""

from collections.abc import Mapping, Sequence

from pyVmomi import vim

from broker.model.names import Moid
from broker.model.principals import canonical_user, principal_of
from broker.model.tree import Entity
from broker.vsphere.connection import Link
from broker.vsphere.remote import Remote, identity_of
from broker.vsphere.survey import CLASSES

_TOGETHER = 200
"""Entities in one question about privileges: an administrator's answer is the largest, 5.5 MB."""


def held_by(link: Link, user: str, entities: Sequence[Entity]) -> Mapping[Moid, frozenset[str]]:
    """FetchUserPrivilegeOnEntities: groups and System.* included.

    What vCenter says nothing of is left out, and so is what it was not asked about.
    """
    found: dict[Moid, frozenset[str]] = {}
    for first in range(0, len(entities), _TOGETHER):
        some = entities[first : first + _TOGETHER]
        asked = {str(entity.moid): entity.moid for entity in some}
        subjects = [CLASSES[entity.kind](entity.moid, link.stub) for entity in some]
        manager = link.content.authorizationManager
        for told in manager.FetchUserPrivilegeOnEntities(entities=subjects, userName=user) or ():
            if (moid := asked.get(identity_of(told.entity))) is not None:
                found[moid] = frozenset(map(str, told.privileges or ()))
    return found


def in_directory(link: Link, user: str) -> bool | None:
    """UserDirectory.RetrieveUserGroups, by exact name in the user's own domain; None for a foreign domain."""
    domain, _, name = principal_of(user).rpartition("\\")
    try:
        found = link.content.userDirectory.RetrieveUserGroups(
            domain=domain or None, searchStr=name, exactMatch=True, findUsers=True, findGroups=False
        )
    except vim.fault.NotFound:
        return None  # the domain goes by another name there, or is none of its identity sources
    wanted = canonical_user(name)
    return any(not each.group and _bare(each.principal) == wanted for each in found or ())


def _bare(principal: Remote) -> str:
    """A principal's name as users are compared, without a domain."""
    return canonical_user(str(principal).rpartition("\\")[2].partition("@")[0])
