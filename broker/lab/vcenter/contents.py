"""The properties of selected objects, as the property collector hands them out."""

from dataclasses import dataclass

from pyVmomi import vmodl
from pyVmomi.VmomiSupport import ManagedObject as Reference

from broker.lab.soap.call import Call, ManagedObject
from broker.lab.vcenter.properties import PropertyReader
from broker.lab.world.values import VimValue, moid_of

_Collector = vmodl.query.PropertyCollector


@dataclass(frozen=True, slots=True)
class Content:
    """What could be read of an object, what could not, and what is unset."""

    reference: VimValue
    values: tuple[tuple[str, VimValue], ...]
    missing: tuple[tuple[str, VimValue], ...]
    unset: tuple[str, ...]

    def as_object_content(self) -> VimValue:
        """For RetrieveProperties."""
        return _Collector.ObjectContent(
            obj=self.reference,
            propSet=[vmodl.DynamicProperty(name=name, val=value) for name, value in self.values],
            missingSet=self._missing_set(),
        )

    def as_update(self, kind: str) -> VimValue:
        """For WaitForUpdates: `enter`, or `modify` with the values as they are now."""
        assigned = [_Collector.Change(name=name, op="assign", val=value) for name, value in self.values]
        if kind == "modify":
            assigned += [_Collector.Change(name=name, op="assign") for name in self.unset]
        return _Collector.ObjectUpdate(
            kind=kind, obj=self.reference, changeSet=assigned, missingSet=self._missing_set()
        )

    def _missing_set(self) -> list[VimValue]:
        return [_Collector.MissingProperty(path=path, fault=fault) for path, fault in self.missing]


@dataclass(frozen=True, slots=True)
class Outline:
    """What of an object depends on rights: unreadable paths, and lists of references as they were seen."""

    missing: frozenset[str]
    lists: tuple[tuple[str, tuple[str, ...]], ...]


def read(reader: PropertyReader, call: Call, managed: ManagedObject, paths: list[str]) -> Content:
    """Read the paths; what the caller may not see, or the lab does not model, is missing with its fault."""
    values, missing, unset = [], [], []
    for path in paths:
        fault = reader.missing(call, managed, path)
        if fault is not None:
            missing.append((path, fault))
            continue
        try:
            value = reader.value(call, managed, path)
        except vmodl.fault.NotSupported as error:
            missing.append((path, error))
            continue
        if value is None:
            unset.append(path)
        else:
            values.append((path, value))
    return Content(managed.vim_type(managed.moid), tuple(values), tuple(missing), tuple(unset))


def outline(content: Content) -> Outline:
    """What has to be compared when rights have changed."""
    lists = (
        (path, tuple(moid_of(each) for each in value))
        for path, value in content.values
        if _is_references(value)
    )
    return Outline(frozenset(path for path, _ in content.missing), tuple(lists))


def _is_references(value: VimValue) -> bool:
    return issubclass(type(value), list) and issubclass(value.Item, Reference)
