"""What vCenter writes into the faultstring of a fault that brings no text of its own."""

from pyVmomi import vim, vmodl

from broker.lab.world.values import VimValue, moid_of

_TEXTS: dict[VimValue, str] = {
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


_NAMING: dict[VimValue, tuple[str, str]] = {
    vmodl.fault.InvalidArgument: ("invalidProperty", "A specified parameter was not correct: {}"),
    vim.fault.AlreadyExists: ("name", "The specified key, name, or identifier '{}' already exists."),
    vim.fault.InvalidName: ("name", "The name '{}' is not valid."),
    vim.fault.UserNotFound: ("principal", "The user or group named '{}' does not exist."),
}


def message_of(fault: VimValue) -> str:
    """The fault's own text, else vCenter's for its type, naming what was wrong where vCenter does."""
    if fault.msg:
        return str(fault.msg)
    for known, (field, text) in _NAMING.items():
        if isinstance(fault, known):
            return text.format(getattr(fault, field) or "")
    if isinstance(fault, vmodl.fault.ManagedObjectNotFound):
        return f"The object '{_name(fault.obj)}' has already been deleted or has not been completely created"
    return next((text for known, text in _TEXTS.items() if isinstance(fault, known)), "")


def _name(reference: VimValue) -> str:
    return f"{type(reference).__name__}:{moid_of(reference)}" if reference is not None else ""
