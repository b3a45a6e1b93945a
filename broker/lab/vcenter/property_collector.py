"""PropertyCollector: reads many properties of many objects in one call, and tells what changed."""

import threading
import uuid
from itertools import islice

from pyVmomi import vim, vmodl

from broker.lab.soap.call import Call
from broker.lab.vcenter import contents
from broker.lab.vcenter.waiting import ClientState, Workshop
from broker.lab.world.values import VimValue

_Collector = vmodl.query.PropertyCollector
LARGEST_PAGE = 1000
"""Objects in one reply when the client names no number."""


class PropertyCollector:
    """The managed object: the one all sessions share by name, or one that a session made for itself."""

    vim_type = _Collector

    def __init__(self, moid: str, workshop: Workshop) -> None:
        self.moid = moid
        self._shop = workshop
        self._states: dict[str, ClientState] = {}
        self._pages: dict[tuple[str, str], list[VimValue]] = {}
        self._lock = threading.Lock()

    def RetrieveProperties(self, call: Call, *, specSet: list[VimValue]) -> list[VimValue]:
        """All at once. Raises InvalidProperty, ManagedObjectNotFound."""
        return self._contents(call, specSet)

    def RetrievePropertiesEx(self, call: Call, *, specSet: list[VimValue], options: VimValue) -> VimValue:
        """The first page, with a token when there are more."""
        return self._page(call, self._contents(call, specSet), options.maxObjects or LARGEST_PAGE)

    def ContinueRetrievePropertiesEx(self, call: Call, *, token: str) -> VimValue:
        """The next page; each token works once. Raises InvalidArgument."""
        rest = self._pages.pop((_key(call), token), None)
        if rest is None:
            raise vmodl.fault.InvalidArgument(invalidProperty="token")
        return self._page(call, rest, int(token.partition(":")[0]))

    def CancelRetrievePropertiesEx(self, call: Call, *, token: str) -> None:
        """Forget the remaining pages. Raises InvalidArgument."""
        if self._pages.pop((_key(call), token), None) is None:
            raise vmodl.fault.InvalidArgument(invalidProperty="token")

    def CreateFilter(self, call: Call, *, spec: VimValue, partialUpdates: bool) -> VimValue:
        """A filter for WaitForUpdatesEx."""
        return _Collector.Filter(self._state(call).create_filter(call, spec).moid)

    def WaitForUpdatesEx(self, call: Call, *, version: str | None, options: VimValue) -> VimValue:
        """Updates after `version`; unset when maxWaitSeconds passed without any."""
        seconds = None if options is None else options.maxWaitSeconds
        most = None if options is None else options.maxObjectUpdates
        if (seconds is not None and seconds < 0) or (most is not None and most <= 0):
            raise vmodl.fault.InvalidArgument(invalidProperty="options")
        return self._state(call).wait(call, version or "", seconds, most)

    def WaitForUpdates(self, call: Call, *, version: str | None) -> VimValue:
        """The old form: waits until there are some."""
        return self._state(call).wait(call, version or "", None, None)

    def CheckForUpdates(self, call: Call, *, version: str | None) -> VimValue:
        """The old form: does not wait."""
        return self._state(call).wait(call, version or "", 0, None)

    def CancelWaitForUpdates(self, call: Call) -> None:
        """Waiting calls of this session end with RequestCanceled."""
        self._state(call).cancel()

    def CreatePropertyCollector(self, call: Call) -> VimValue:
        """A collector of the session's own."""
        made = PropertyCollector(f"session[{_key(call)}]{uuid.uuid4()}", self._shop)
        self._shop.registry.add_to_session(_key(call), made)
        return _Collector(made.moid)

    def DestroyPropertyCollector(self, call: Call) -> None:
        """Only for one that the session made. Raises NotSupported for the shared one."""
        if not self.moid.startswith("session["):
            raise vmodl.fault.NotSupported
        state = self._state(call)
        state.destroy_all()
        state.cancel()
        self._shop.registry.remove_from_session(_key(call), self.moid)

    def read_filter(self, call: Call) -> list[VimValue]:
        """The session's filters."""
        return self._state(call).filters()

    def forget(self, session_key: str) -> None:
        """The session has ended."""
        with self._lock:
            state = self._states.pop(session_key, None)
        if state is not None:
            state.cancel()
        for page in [each for each in self._pages if each[0] == session_key]:
            self._pages.pop(page, None)

    def _state(self, call: Call) -> ClientState:
        key = _key(call)
        with self._lock:
            return self._states.setdefault(key, ClientState(key, self._shop))

    def _contents(self, call: Call, specs: list[VimValue]) -> list[VimValue]:
        found = []
        for spec in specs:
            self._shop.selector.check(spec)
            for managed in self._shop.selector.select(call, spec).values():
                content = contents.read(
                    self._shop.reader, call, managed, self._shop.selector.paths(managed, spec)
                )
                _refuse_strangers(call, content)
                found.append(content.as_object_content())
        return found

    def _page(self, call: Call, objects: list[VimValue], size: int) -> VimValue:
        if not objects:
            return None
        token = None
        if len(objects) > size:
            token = f"{size}:{uuid.uuid4()}"
            self._pages[_key(call), token] = list(islice(objects, size, None))
        return _Collector.RetrieveResult(token=token, objects=objects[:size])


def _key(call: Call) -> str:
    return call.session.key if call.session else ""


def _refuse_strangers(call: Call, content: contents.Content) -> None:
    """Without a session an unreadable property ends the whole call."""
    if call.session is None:
        for _, fault in content.missing:
            if isinstance(fault, vim.fault.NotAuthenticated):
                raise fault
