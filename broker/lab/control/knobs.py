"""What the dispatcher asks around a method: how slow, which fault, does the answer arrive."""

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

from pyVmomi import vmodl
from pyVmomi.VmomiSupport import GetVmodlType, GetWsdlType

from broker.lab.errors import LabError
from broker.lab.latency import Latencies, check_wait
from broker.lab.soap.request import method_info

_ENDLESS = -1
_READS_A_PROPERTY = "Fetch"
"""The one method that pyVmomi's tables leave out: reading one property of an object."""


@dataclass(slots=True)
class _Countdown:
    """Something that happens `left` more times; endlessly when negative."""

    what: str
    left: int

    def take(self) -> bool:
        if self.left == 0:
            return False
        self.left -= self.left > 0
        return True


class Knobs:
    """Latency, fault and loss of the answer, per WSDL method name. Thread-safe.

    A name that no method of the vSphere API has is a LabError: a mistyped knob would turn nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latencies = Latencies(_is_method)
        self._faults: dict[str, _Countdown] = {}
        self._drops: dict[str, _Countdown] = {}
        self._calls: Counter[str] = Counter()
        self._role_lag_s = 0.0

    def role_lag_s(self) -> float:
        """Seconds between the answer to UpdateAuthorizationRole and its effect."""
        return self._role_lag_s

    def set_role_lag(self, seconds: float) -> None:
        """A real vCenter takes about 0.1 s. Raises LabError below zero."""
        check_wait(seconds)
        self._role_lag_s = seconds

    def latency_s(self, method: str) -> float:
        """Seconds to wait before the method runs."""
        return self._latencies.of(method)

    def fault(self, method: str) -> Any | None:  # noqa: ANN401 - pyVmomi's classes are made at run time
        """The fault to answer with instead of running the method; each call uses one up."""
        with self._lock:
            countdown = self._faults.get(method)
            if countdown is None or not countdown.take():
                return None
        return _fault_class(countdown.what)(msg="set by a knob of the lab")

    def drops_reply(self, method: str) -> bool:
        """Whether to run the method and then close the connection without an answer."""
        with self._lock:
            countdown = self._drops.get(method)
            return countdown is not None and countdown.take()

    def count(self, method: str) -> None:
        """One more call of the method."""
        with self._lock:
            self._calls[method] += 1

    def calls(self) -> dict[str, int]:
        """How often each method was called so far."""
        with self._lock:
            return dict(self._calls)

    def set_latency(self, method: str, seconds: float) -> None:
        """Let the method, or all with "*", take `seconds` longer. Raises LabError below zero."""
        self._latencies.set(method, seconds)

    def set_fault(self, method: str, fault_name: str | None, times: int | None = None) -> None:
        """Answer the next `times` calls (all, if None) with the fault; no name takes the fault away.

        The name is the wire's (`HostNotConnected`) or pyVmomi's (`vmodl.fault.HostNotConnected`).
        Raises LabError for a name that is no fault, and for a method that there is not.
        """
        _check_method(method)
        if fault_name is not None:
            _fault_class(fault_name)
        _put(self._lock, self._faults, method, fault_name, times)

    def set_drop(self, method: str, times: int | None) -> None:
        """Lose the answers of the next `times` calls (all, if None; 0 for none). Raises LabError."""
        _check_method(method)
        _put(self._lock, self._drops, method, "", times)


def _is_method(name: str) -> bool:
    return name == _READS_A_PROPERTY or method_info(name) is not None


def _check_method(name: str) -> None:
    if not _is_method(name):
        raise LabError(f"{name} is no method of the vSphere API")


def _put(
    lock: threading.Lock, table: dict[str, _Countdown], method: str, what: str | None, times: int | None
) -> None:
    with lock:
        if what is None:
            table.pop(method, None)
        else:
            table[method] = _Countdown(what, _ENDLESS if times is None else times)


def _named(name: str) -> Any:  # noqa: ANN401 - pyVmomi's classes are made at run time
    if "." in name:
        return GetVmodlType(name)
    return GetWsdlType("urn:vim25", name)


def _fault_class(name: str) -> Any:  # noqa: ANN401 - pyVmomi's classes are made at run time
    try:
        found: Any = _named(name)
    except KeyError:
        raise LabError(f"{name} is no type of the vSphere API") from None
    if not issubclass(found, vmodl.MethodFault):
        raise LabError(f"{name} is no fault")
    return found
