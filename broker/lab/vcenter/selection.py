"""Which objects a PropertyFilterSpec selects, and which of their properties it asks for."""

from collections.abc import Iterator

from pyVmomi import vmodl
from pyVmomi.VmomiSupport import ManagedObject as Reference

from broker.lab.soap.call import Call, ManagedObject
from broker.lab.soap.registry import Registry
from broker.lab.vcenter.properties import PropertyReader, check_path
from broker.lab.world.values import VimValue, moid_of


class Selector:
    """Follows traversal specs from the starting objects, each pair of object and spec once."""

    def __init__(self, registry: Registry, reader: PropertyReader) -> None:
        self._registry = registry
        self._reader = reader

    def check(self, spec: VimValue) -> None:
        """Raises InvalidProperty for a path that its type lacks, InvalidArgument for an empty spec."""
        if not spec.propSet or not spec.objectSet:
            raise vmodl.fault.InvalidArgument(invalidProperty="specSet")
        for wanted in spec.propSet:
            for path in wanted.pathSet:
                check_path(wanted.type, path)

    def select(self, call: Call, spec: VimValue) -> dict[str, ManagedObject]:
        """The selected objects by moid, in the order of finding them. Raises ManagedObjectNotFound."""
        found: dict[str, ManagedObject] = {}
        for start in spec.objectSet:
            named = {
                each.name: each for each in _all_specs(start.selectSet) if each.name and _traverses(each)
            }
            managed = self._find(call, start.obj)
            if managed is None:
                if spec.reportMissingObjectsInResults:
                    continue
                raise vmodl.fault.ManagedObjectNotFound(obj=start.obj)
            if not start.skip:
                found[managed.moid] = managed
            self._follow(call, managed, start.selectSet, named, found, set())
        return {
            moid: each for moid, each in found.items() if any(_fits(each, wanted) for wanted in spec.propSet)
        }

    def paths(self, managed: ManagedObject, spec: VimValue) -> list[str]:
        """The property paths asked of this object."""
        paths: dict[str, None] = {}
        for wanted in spec.propSet:
            if _fits(managed, wanted):
                paths.update(dict.fromkeys(self._reader.readable(managed) if wanted.all else wanted.pathSet))
        return list(paths)

    def _follow(
        self,
        call: Call,
        managed: ManagedObject,
        specs: VimValue,
        named: dict[str, VimValue],
        found: dict[str, ManagedObject],
        done: set[tuple[str, int]],
    ) -> None:
        for selection in specs:
            traversal = selection if _traverses(selection) else named.get(selection.name)
            if traversal is None:
                raise vmodl.fault.InvalidArgument(invalidProperty="selectSet")
            if (managed.moid, id(traversal)) in done or not issubclass(managed.vim_type, traversal.type):
                continue
            done.add((managed.moid, id(traversal)))
            for reached in self._reached(call, managed, traversal.path):
                if not traversal.skip:
                    found[reached.moid] = reached
                self._follow(call, reached, traversal.selectSet, named, found, done)

    def _reached(self, call: Call, managed: ManagedObject, path: str) -> Iterator[ManagedObject]:
        if self._reader.missing(call, managed, path) is not None:
            return
        try:
            value = self._reader.value(call, managed, path)
        except vmodl.fault.NotSupported:
            return
        for reference in value if isinstance(value, list) else [value]:
            reached = self._find(call, reference) if isinstance(reference, Reference) else None
            if reached is not None:
                yield reached

    def _find(self, call: Call, reference: VimValue) -> ManagedObject | None:
        return self._registry.find(moid_of(reference), call.session.key if call.session else None)


def _traverses(selection: VimValue) -> bool:
    return isinstance(selection, vmodl.query.PropertyCollector.TraversalSpec)


def _all_specs(specs: VimValue) -> Iterator[VimValue]:
    for each in specs:
        yield each
        if _traverses(each):
            yield from _all_specs(each.selectSet)


def _fits(managed: ManagedObject, wanted: VimValue) -> bool:
    return issubclass(managed.vim_type, wanted.type)
