"""What an account says it holds: FetchUserPrivilegeOnEntities about itself, on its own session."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyVmomi import vim, vmodl

from broker.errors import Reason, Refused
from broker.model.inventory import HostRef
from broker.vsphere.connection import Link
from broker.vsphere.faults import AnswerLost, describe
from broker.vsphere.remote import Remote, identity_of

_PRIVILEGE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,119}")
_MAX_PRIVILEGES = 5000


@dataclass(frozen=True, slots=True)
class Held:
    """Effective privileges on a host and on the root folder, and a digest of both."""

    host: frozenset[str]
    root: frozenset[str]
    digest: str


def held(host: frozenset[str], root: frozenset[str]) -> Held:
    """`digest` is SHA-256 over the sorted sets as JSON: equal sets, equal digest."""
    sets = {"host": sorted(host), "root": sorted(root)}
    text = json.dumps(sets, separators=(",", ":"), sort_keys=True)
    return Held(host, root, hashlib.sha256(text.encode()).hexdigest())


def fetch_held(link: Link, refs: Sequence[HostRef]) -> Mapping[HostRef, Held]:
    """What the session's own user holds on each host, in one call; a host without an answer is left out.

    Raises Refused(UNPROVEN) where vCenter answers with a fault, says nothing of the root folder,
    or says what is no list of privileges; Refused(INVENTORY_STALE), having asked nothing, where a
    host is another vCenter's.
    """
    root = link.content.rootFolder
    told = _told(_ask(link, [*(link.host(ref) for ref in refs), root]))
    on_root = told.pop(identity_of(root), None)
    if on_root is None:
        raise Refused(Reason.UNPROVEN, "no answer about the root folder")
    return {ref: held(told[ref.moid], on_root) for ref in refs if ref.moid in told}


def _ask(link: Link, entities: list[Remote]) -> Remote:
    try:
        return link.content.authorizationManager.FetchUserPrivilegeOnEntities(
            entities=entities, userName=link.user_name
        )
    except vim.fault.NotAuthenticated:
        raise
    except vmodl.MethodFault as fault:
        refusal = Refused(Reason.UNPROVEN, describe(fault))
    except AnswerLost as lost:
        if lost.reason is not Reason.VCENTER_FAULT:
            raise
        refusal = Refused(Reason.UNPROVEN, lost.detail)
    raise refusal


def _told(answer: Remote) -> dict[str, frozenset[str]]:
    told: dict[str, frozenset[str]] = {}
    for result in answer or ():
        identity = identity_of(result.entity)
        if identity in told:
            raise Refused(Reason.UNPROVEN, "two answers about one object")
        told[identity] = _privileges(result.privileges)
    return told


def _privileges(listed: Remote) -> frozenset[str]:
    """An unset list is an empty one: the account holds nothing there."""
    ids = tuple(listed or ())
    if len(ids) > _MAX_PRIVILEGES or not all(isinstance(i, str) and _PRIVILEGE.fullmatch(i) for i in ids):
        raise Refused(Reason.UNPROVEN, "an answer that is no list of privileges")
    return frozenset(ids)
