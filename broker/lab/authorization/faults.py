"""The model's refusals as faults of the API."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pyVmomi import vim, vmodl

from broker.lab.authorization.refusals import (
    Lacks,
    LastAdministrator,
    NameEmpty,
    NameTaken,
    NoSuchPermission,
    NoSuchPrincipal,
    NoSuchRole,
    Refusal,
    RoleInUse,
    Unacceptable,
)
from broker.lab.world.values import VimValue

ReferenceTo = Callable[[str], VimValue]
"""Gives the reference to an entity."""


_BARE: dict[type[Refusal], Callable[[], VimValue]] = {
    NameEmpty: lambda: vim.fault.InvalidName(name=""),
    NoSuchRole: vim.fault.NotFound,
    NoSuchPermission: vim.fault.NotFound,
    RoleInUse: vim.fault.RemoveFailed,
    LastAdministrator: vim.fault.AuthMinimumAdminPermission,
}


@contextmanager
def as_faults(reference_to: ReferenceTo) -> Iterator[None]:
    """Raise what vCenter raises where the model refuses."""
    try:
        yield
    except Refusal as refusal:
        raise _fault(refusal, reference_to) from None


def _fault(refusal: Refusal, reference_to: ReferenceTo) -> VimValue:
    match refusal:
        case NameTaken(name=name):
            return vim.fault.AlreadyExists(name=name)
        case NoSuchPrincipal(principal=principal):
            return vim.fault.UserNotFound(principal=principal, unresolved=False)
        case Unacceptable(argument=argument):
            return vmodl.fault.InvalidArgument(invalidProperty=argument)
        case Lacks(entity=entity, privileges=privileges):
            return _no_permission(reference_to(entity), sorted(privileges))
        case _:
            return _BARE[type(refusal)]()


def _no_permission(reference: VimValue, privileges: list[str]) -> VimValue:
    missing = vim.fault.NoPermission.EntityPrivileges(entity=reference, privilegeIds=privileges)
    return vim.fault.NoPermission(object=reference, privilegeId=privileges[0], missingPrivileges=[missing])
