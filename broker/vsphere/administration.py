"""The privileged side of one vCenter: roles, permissions, inventory paths. For the controller only."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from pyVmomi import vim, vmodl

from broker.model.policy import Vcenter
from broker.model.principals import canonical_user
from broker.model.settings import ControllerLogin
from broker.model.survey import Permission, Role, Survey
from broker.model.tree import Entity
from broker.policy.decide import SYSTEM_PRIVILEGES
from broker.ports.administration import Forbidden, NotEffective
from broker.ports.clock import Clock
from broker.ports.listening import AccessEvent, Told
from broker.ports.operation import LoginLatch
from broker.secrets import SecretReader
from broker.vsphere.connection import Link
from broker.vsphere.faults import describe
from broker.vsphere.gate import Gates
from broker.vsphere.listening import listen, recent
from broker.vsphere.properties import property_of
from broker.vsphere.sessions import Session, session_of
from broker.vsphere.survey import CLASSES, permission_of, roles_of, survey_of

EFFECTIVE_WITHIN_S = 10.0
"""A role's update may return before it is in force: about 100 ms, load-dependent (vSphere API)."""

_LOOK_EVERY_S = 0.1
_PLACES = 2
"""Calls of the controller at a time; its budget is its own, so that it never takes a ticket's place."""

Answer = TypeVar("Answer")

_NOT_OURS_TO_DO = (
    vim.fault.NoPermission,
    vim.fault.AuthMinimumAdminPermission,
    vim.fault.UserNotFound,
    vim.fault.NotFound,
    vim.fault.AlreadyExists,
    vim.fault.InvalidName,
    vmodl.fault.InvalidArgument,
)


class VcenterAdministration:
    """ports.administration.Administration over one privileged session, logged in at first use."""

    def __init__(self, session: Session, clock: Clock, pause: Callable[[float], None] = time.sleep) -> None:
        self._session = session
        self._clock = clock
        self._pause = pause

    def instance_uuid(self) -> str:
        """about.instanceUuid."""
        return self._session.run(lambda link: link.instance_uuid)

    def privilege_ids(self) -> frozenset[str]:
        """AuthorizationManager.privilegeList."""
        listed = self._session.run(partial(_managed, path="privilegeList"))
        return frozenset(str(privilege.privId) for privilege in listed)

    def roles(self) -> tuple[Role, ...]:
        """AuthorizationManager.roleList, the privileges of every role (System.*) left out."""
        return self._session.run(roles_of)

    def create_role(self, name: str, privileges: frozenset[str]) -> Role:
        """AddAuthorizationRole, then the role as it is listed: the answered id alone is not trusted."""
        self._manage(f"create role {name}", lambda manager: manager.AddRole(name, sorted(privileges)))
        return self._await_role(name, privileges, lambda role: role.name == name)

    def update_role(self, role_id: int, name: str, privileges: frozenset[str]) -> Role:
        """UpdateAuthorizationRole, then wait until the role is listed so."""
        self._manage(
            f"update role {name}", lambda manager: manager.UpdateRole(role_id, name, sorted(privileges))
        )
        return self._await_role(name, privileges, lambda role: role.id == role_id and role.name == name)

    def survey(self) -> Survey:
        """Roles, permissions and tree, in three calls and one for each further page of the tree."""
        return self._session.run(survey_of)

    def permissions(self, entity: Entity) -> tuple[Permission, ...]:
        """RetrieveEntityPermissions without what is inherited."""
        listed = self._manage(
            f"read permissions of {entity.moid}",
            lambda manager: manager.RetrieveEntityPermissions(_entity(entity, manager), False),  # noqa: FBT003 - the API's
        )
        return tuple(permission_of(told) for told in listed or [])

    def set_permission(self, entity: Entity, permission: Permission) -> None:
        """SetEntityPermissions with one permission: a real vCenter leaves other principals alone."""
        wanted = vim.AuthorizationManager.Permission(
            principal=permission.principal,
            group=permission.group,
            roleId=permission.role_id,
            propagate=permission.propagate,
        )
        self._manage(
            f"set permission of {permission.principal} on {entity.moid}",
            lambda manager: manager.SetEntityPermissions(_entity(entity, manager), [wanted]),
        )
        self._await(
            lambda: any(_is(permission, shown) for shown in self.permissions(entity)),
            f"{entity.moid} shows no such permission of {permission.principal}; write it as vCenter does",
        )

    def remove_permission(self, entity: Entity, principal: str) -> None:
        """RemoveEntityPermission of a user."""
        self._manage(
            f"remove permission of {principal} from {entity.moid}",
            lambda manager: manager.RemoveEntityPermission(_entity(entity, manager), principal, False),  # noqa: FBT003 - the API's
        )

    def events(self) -> tuple[AccessEvent, ...]:
        """The youngest of an EventHistoryCollector."""
        return self._session.run(recent)

    def listen(self, told: Told) -> None:
        """By one long wait, outside of the gate."""
        self._session.wait(partial(listen, told=told))

    def close(self) -> None:
        """Log out. Never raises."""
        self._session.close()

    def _manage(self, doing: str, call: Callable[[Any], Answer]) -> Answer:
        return self._session.run(
            lambda link: _permitted(doing, partial(call, link.content.authorizationManager))
        )

    def _await_role(self, name: str, privileges: frozenset[str], fits: Callable[[Role], bool]) -> Role:
        shown: list[Role] = []

        def listed() -> bool:
            shown[:] = [r for r in self.roles() if fits(r) and r.privileges == privileges - SYSTEM_PRIVILEGES]
            return len(shown) == 1

        self._await(listed, f"role {name} is not listed as it was asked for")
        return shown[0]

    def _await(self, effective: Callable[[], bool], problem: str) -> None:
        deadline = self._clock.monotonic() + EFFECTIVE_WITHIN_S
        while not effective():
            if self._clock.monotonic() >= deadline:
                raise NotEffective(f"{problem}, {EFFECTIVE_WITHIN_S:.0f} s after vCenter took the change")
            self._pause(_LOOK_EVERY_S)


def administration_of(
    vcenter: Vcenter, login: ControllerLogin, latch: LoginLatch, clock: Clock, read_secret: SecretReader
) -> VcenterAdministration:
    """The privileged side of one vCenter; nothing is asked of it yet."""
    secret = partial(read_secret, login.password)
    gate = Gates(_PLACES, clock).of(replace(vcenter, concurrency=_PLACES))
    session = session_of(vcenter, login.user, secret, latch, gate, clock)
    return VcenterAdministration(session, clock)


def _managed(link: Link, path: str) -> list[Any]:
    return property_of(link.content, link.content.authorizationManager, path) or []


def _permitted(doing: str, call: Callable[[], Answer]) -> Answer:
    try:
        return call()
    except vim.fault.NotAuthenticated:  # a kind of NoPermission, and the session's business
        raise
    except _NOT_OURS_TO_DO as fault:
        refusal = Forbidden(f"{doing}: {describe(fault)}")
    raise refusal


def _entity(entity: Entity, manager: Any) -> Any:  # noqa: ANN401 - pyVmomi is untyped
    return CLASSES[entity.kind](entity.moid, manager._stub)  # noqa: SLF001 - an id alone is no object of pyVmomi


def _is(wanted: Permission, shown: Permission) -> bool:
    return canonical_user(wanted.principal) == canonical_user(shown.principal) and (
        (wanted.group, wanted.role_id, wanted.propagate) == (shown.group, shown.role_id, shown.propagate)
    )
