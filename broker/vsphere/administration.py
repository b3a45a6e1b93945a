"""The privileged side of one vCenter: roles, permissions, inventory paths. For the controller only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from pyVmomi import vim, vmodl

from broker.model.names import Moid
from broker.model.policy import Vcenter
from broker.model.settings import ControllerLogin
from broker.model.survey import Permission, Role, Survey
from broker.model.tree import Entity
from broker.ports.administration import Forbidden
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
from broker.vsphere.users import held_by, in_directory

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

    def __init__(self, session: Session) -> None:
        self._session = session

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

    def knows(self, principal: str) -> bool:
        """UserDirectory.RetrieveUserGroups, the exact name in its own domain."""
        return bool(self._session.run(partial(in_directory, user=principal)))

    def own_privileges(self, entities: Sequence[Entity]) -> Mapping[Moid, frozenset[str]]:
        """FetchUserPrivilegeOnEntities about itself, under the name that currentSession gives."""
        return self._session.run(lambda link: held_by(link, link.user_name, entities))

    def privileges_of(self, user: str, entities: Sequence[Entity]) -> Mapping[Moid, frozenset[str]]:
        """FetchUserPrivilegeOnEntities about another user, groups included."""
        return self._session.run(partial(held_by, user=user, entities=entities))

    def create_role(self, name: str, privileges: frozenset[str]) -> None:
        """AddAuthorizationRole. The id that it answers is not trusted: a role is known once it is listed."""
        self._manage(f"create role {name}", lambda manager: manager.AddRole(name, sorted(privileges)))

    def update_role(self, role_id: int, name: str, privileges: frozenset[str]) -> None:
        """UpdateAuthorizationRole."""
        self._manage(
            f"update role {name}", lambda manager: manager.UpdateRole(role_id, name, sorted(privileges))
        )

    def remove_role(self, role_id: int) -> None:
        """RemoveAuthorizationRole, which fails if the role is used."""
        self._manage(f"remove role no. {role_id}", lambda manager: manager.RemoveRole(role_id, True))  # noqa: FBT003 - the API's

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


def administration_of(
    vcenter: Vcenter, login: ControllerLogin, latch: LoginLatch, clock: Clock, read_secret: SecretReader
) -> VcenterAdministration:
    """The privileged side of one vCenter; nothing is asked of it yet."""
    secret = partial(read_secret, login.password)
    gate = Gates(_PLACES, clock).of(replace(vcenter, concurrency=_PLACES))
    session = session_of(vcenter, login.user, secret, latch, gate, clock)
    return VcenterAdministration(session)


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
