"""Who may do what in a lab that nobody has touched yet."""

from collections.abc import Iterable

from broker.lab.authorization.catalogue import ADMIN
from broker.lab.authorization.model import MODIFY_PERMISSIONS, PermissionModel
from broker.lab.authorization.permissions import Permission

MODIFY_ROLES = "Authorization.ModifyRoles"
VALIDATE_SESSION = "Sessions.ValidateSession"


def seed_administrators(model: PermissionModel, root: str, group: str) -> None:
    """As on a new vCenter: the group holds everything everywhere."""
    model.seed(Permission(root, group, group=True, role_id=ADMIN, propagate=True))


def seed_controller(
    model: PermissionModel, root: str, datacenters: Iterable[str], user: str, handed_on: frozenset[str]
) -> None:
    """The least that the broker's controller works with, to hand on `handed_on` in every datacenter.

    On the root folder, not propagating: changing roles takes ModifyRoles there, and whatever is put into
    a role; permissions on a datacenter take ModifyPermissions on its parent as well. On each datacenter,
    propagating: ModifyPermissions, and whatever is handed on.
    """
    at_root = model.add_role(
        "Lab controller, root folder", {MODIFY_ROLES, MODIFY_PERMISSIONS, VALIDATE_SESSION} | handed_on
    )
    below = model.add_role("Lab controller, datacenters", {MODIFY_PERMISSIONS} | handed_on)
    model.seed(Permission(root, user, group=False, role_id=at_root.role_id, propagate=False))
    for datacenter in datacenters:
        model.seed(Permission(datacenter, user, group=False, role_id=below.role_id, propagate=True))
