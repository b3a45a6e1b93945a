"""Reading a property path of a managed object, the privilege for it checked."""

from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import DataObject, GetVmodlType
from pyVmomi.VmomiSupport import ManagedObject as ManagedObjectType

from broker.lab.soap.call import Call, ManagedObject
from broker.lab.soap.gate import READ, VIEW, Gate, denial
from broker.lab.world.values import VimValue

_STRINGS: VimValue = GetVmodlType("string[]")
"""How names of types go over the wire."""


class PropertyReader:
    """`config.product.version`: the longest prefix that the object can build by itself, then field by field.

    An object builds `config` as a whole in `read_config`; where that is dear it may offer `parts`, a mapping
    of dotted paths to readers, so that a client that asks for the version alone pays for the version alone.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def fetch(self, call: Call, managed: ManagedObject, path: str) -> VimValue:
        """The value, None for an unset one. Raises what `missing` and `value` speak of."""
        privilege = self.privilege(managed, path)
        self._gate.require(call, managed, privilege)
        return self.value(call, managed, path)

    def missing(self, call: Call, managed: ManagedObject, path: str) -> VimValue | None:
        """Why the caller may not read the path, None if it may. Raises InvalidProperty."""
        privilege = self.privilege(managed, path)
        if self._gate.holds(call, self._gate.entity_of(managed), privilege):
            return None
        kind = vim.fault.NoPermission if call.session else vim.fault.NotAuthenticated
        return denial(kind, managed.vim_type(managed.moid), privilege)

    def privilege(self, managed: ManagedObject, path: str) -> str:
        """What reading it asks for: pyVmomi's table, else System.Read; View for what is no entity."""
        try:
            info = managed.vim_type._GetPropertyInfo(path.partition(".")[0])  # noqa: SLF001 - pyVmomi's door
        except AttributeError:
            raise vmodl.query.InvalidProperty(name=path) from None
        if info.privId is not None:
            return str(info.privId)
        return READ if self._gate.is_entity(managed) else VIEW

    def value(self, call: Call, managed: ManagedObject, path: str) -> VimValue:
        """The value without asking who may see it. Raises InvalidProperty, NotSupported."""
        parts = getattr(managed, "parts", {})
        names = path.split(".")
        for length in range(len(names), 0, -1):
            reader = parts.get(".".join(names[:length]))
            if reader is not None:
                return _walk(reader(), managed.vim_type, names, length, path)
        reader = getattr(managed, f"read_{names[0]}", None)
        if reader is None:
            raise vmodl.fault.NotSupported(msg=f"the lab does not model {path}")
        return _walk(reader(call), managed.vim_type, names, 1, path)

    def readable(self, managed: ManagedObject) -> list[str]:
        """The properties that the lab models, for a client that asks for all."""
        names = (info.name for info in managed.vim_type._GetPropertyList())  # noqa: SLF001 - pyVmomi's door
        return [name for name in names if hasattr(managed, f"read_{name}")]


def check_path(owner: VimValue, path: str) -> VimValue:
    """The type of a property path of a managed type. Raises InvalidProperty."""
    declared = owner
    for name in path.split("."):
        declared = _declared(declared, name, path)
    return declared


def _walk(value: VimValue, owner: VimValue, names: list[str], built: int, path: str) -> VimValue:
    """`value` stands at `names[:built]`, counted from the managed type `owner`: go on from there."""
    declared = owner
    for index, name in enumerate(names):
        declared = _declared(declared, name, path)
        if index >= built and value is not None:
            value = getattr(value, name)
    return None if value is None else _typed(value, declared)


def _declared(owner: VimValue, name: str, path: str) -> VimValue:
    if not issubclass(owner, (DataObject, ManagedObjectType)):
        raise vmodl.query.InvalidProperty(name=path)
    try:
        return owner._GetPropertyInfo(name).type  # noqa: SLF001 - pyVmomi's door
    except AttributeError:
        raise vmodl.query.InvalidProperty(name=path) from None


def _typed(value: VimValue, declared: VimValue) -> VimValue:
    """Python's list and int as the array and number type that the wire names."""
    if type(value) is list:
        return _STRINGS(value) if declared.Item is type else declared(value)
    return declared(value) if type(value) is int and issubclass(declared, int) else value
