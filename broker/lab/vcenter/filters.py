"""A property filter: what its client knows, and what it must be told."""

from dataclasses import dataclass
from typing import Protocol

from pyVmomi import vmodl

from broker.lab.soap.call import Call, ManagedObject
from broker.lab.vcenter import contents
from broker.lab.vcenter.contents import Outline
from broker.lab.vcenter.properties import PropertyReader
from broker.lab.vcenter.selection import Selector
from broker.lab.world.changes import Since
from broker.lab.world.values import VimValue

_Collector = vmodl.query.PropertyCollector


@dataclass(frozen=True, slots=True)
class Known:
    """What a client was told of one filter: each object's reference and outline by moid."""

    objects: dict[str, tuple[VimValue, Outline]]


@dataclass(frozen=True, slots=True)
class Told:
    """Updates for a client, and what it knows once it has read them."""

    updates: tuple[VimValue, ...]
    known: Known


class FilterOwner(Protocol):
    """What a filter asks of its collector."""

    def find(self, moid: str) -> ManagedObject | None:
        """An object that the session can name."""
        ...

    def destroy(self, filter_moid: str) -> None:
        """Forget a filter."""
        ...


class Filter:
    """The managed object PropertyFilter, living as long as its session."""

    vim_type = _Collector.Filter

    def __init__(
        self,
        moid: str,
        spec: VimValue,
        owner: FilterOwner,
        selector: Selector,
        reader: PropertyReader,
    ) -> None:
        self.moid = moid
        self._spec = spec
        self._owner = owner
        self._selector = selector
        self._reader = reader

    def DestroyPropertyFilter(self, call: Call) -> None:
        """The collector forgets the filter."""
        self._owner.destroy(self.moid)

    def read_spec(self, call: Call) -> VimValue:
        """As it was created."""
        return self._spec

    def read_partialUpdates(self, call: Call) -> bool:
        """Updates always carry whole properties."""
        return False

    def everything(self, call: Call) -> Told:
        """All selected objects, for a client that knows nothing yet."""
        return self._compared(call, Known({}))

    def news(self, call: Call, known: Known, since: Since) -> Told:
        """What a client has to hear that knows `known` and has missed `since`."""
        updates = {moid: paths for moid, paths in self._affected(known, since).items() if paths}
        changed = tuple(self._modified(call, known, moid, paths) for moid, paths in updates.items())
        if not since.restructured:
            return Told(changed, known)
        compared = self._compared(call, known)
        return Told((*changed, *compared.updates), compared.known)

    def _compared(self, call: Call, known: Known) -> Told:
        selected = self._selector.select(call, self._spec)
        updates, now = [], {}
        for moid, managed in selected.items():
            update, outline = self._one(call, known, managed)
            now[moid] = (managed.vim_type(moid), outline)
            updates.extend(update)
        left = [
            _Collector.ObjectUpdate(kind="leave", obj=reference)
            for moid, (reference, _) in known.objects.items()
            if moid not in selected
        ]
        return Told((*left, *updates), Known(now))

    def _one(self, call: Call, known: Known, managed: ManagedObject) -> tuple[list[VimValue], Outline]:
        paths = self._selector.paths(managed, self._spec)
        content = contents.read(self._reader, call, managed, paths)
        outline = contents.outline(content)
        before = known.objects.get(managed.moid)
        if before is None:
            return [content.as_update("enter")], outline
        return ([] if before[1] == outline else [content.as_update("modify")]), outline

    def _affected(self, known: Known, since: Since) -> dict[str, list[str]]:
        """Which paths of known objects the changes touch."""
        touched: dict[str, list[str]] = {}
        for moid, changed in dict.fromkeys(since.changed):
            if moid not in known.objects:
                continue
            managed = self._owner.find(moid)
            paths = self._selector.paths(managed, self._spec) if managed else []
            seen = touched.setdefault(moid, [])
            seen.extend(path for path in paths if _overlap(path, changed) and path not in seen)
        return touched

    def _modified(self, call: Call, known: Known, moid: str, paths: list[str]) -> VimValue:
        managed = self._owner.find(moid)
        if managed is None:
            return _Collector.ObjectUpdate(kind="leave", obj=known.objects[moid][0])
        return contents.read(self._reader, call, managed, paths).as_update("modify")


def _overlap(asked: str, changed: str) -> bool:
    return asked == changed or asked.startswith(changed + ".") or changed.startswith(asked + ".")
