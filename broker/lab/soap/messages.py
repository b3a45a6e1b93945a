"""What vCenter writes into the faultstring of a fault that brings no text of its own."""

from typing import Any

from pyVmomi import vim, vmodl

_TEXTS: dict[Any, str] = {
    vim.fault.InvalidLogin: "Cannot complete login due to an incorrect user name or password.",
    vim.fault.NotAuthenticated: "The session is not authenticated.",
    vim.fault.NoPermission: "Permission to perform this operation was denied.",
    vim.fault.NotFound: "The object or item referred to could not be found.",
    vim.fault.AuthMinimumAdminPermission: (
        "The operation would leave the system with no administrative permissions on the root node."
    ),
    vmodl.fault.HostNotConnected: ("Unable to communicate with the remote host, since it is disconnected."),
    vmodl.fault.MethodNotFound: "The method is not found.",
    vmodl.fault.NotSupported: "The operation is not supported on the object.",
    vmodl.fault.RequestCanceled: "The task was canceled by a user.",
    vmodl.query.InvalidCollectorVersion: "The version of the collector is not valid.",
}


def message_of(fault: Any) -> str:  # noqa: ANN401 - a pyVmomi fault
    """The fault's own text, else vCenter's for its type, naming what was wrong where vCenter does."""
    if fault.msg:
        return str(fault.msg)
    if isinstance(fault, vmodl.fault.InvalidArgument) and fault.invalidProperty:
        return f"A specified parameter was not correct: {fault.invalidProperty}"
    if isinstance(fault, vmodl.fault.ManagedObjectNotFound):
        return f"The object '{_name(fault.obj)}' has already been deleted or has not been completely created"
    if isinstance(fault, vim.fault.AlreadyExists):
        return f"The specified key, name, or identifier '{fault.name}' already exists."
    if isinstance(fault, vim.fault.InvalidName):
        return f"The name '{fault.name}' is not valid."
    if isinstance(fault, vim.fault.UserNotFound):
        return f"The user or group named '{fault.principal}' does not exist."
    return next((text for known, text in _TEXTS.items() if isinstance(fault, known)), "")


def _name(reference: Any) -> str:  # noqa: ANN401 - a pyVmomi reference
    return f"{type(reference).__name__}:{reference._GetMoId()}" if reference is not None else ""  # noqa: SLF001
