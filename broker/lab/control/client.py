"""The knobs of a running lab, for tests, the demo and whoever plays with it."""

import socket
from pathlib import Path
from typing import Any

from broker.lab.control.channel import decode, encode, socket_address
from broker.lab.errors import LabError

_TIMEOUT_S = 10.0


class LabControl:
    """Turns the knobs of the lab whose control socket this is. Every method raises LabError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> str:
        """The lab's time, ISO 8601."""
        return str(self._turn("now"))

    def advance_clock(self, seconds: float) -> str:
        """Move the lab's time on; gives the new one."""
        return str(self._turn("advance_clock", seconds=seconds))

    def set_latency(self, method: str, seconds: float) -> None:
        """Let a SOAP method, or every one with "*", take longer."""
        self._turn("set_latency", method=method, seconds=seconds)

    def set_cim_latency(self, operation: str, seconds: float) -> None:
        """Let a CIM operation (`EnumerateInstances`), or every request with "*", take longer."""
        self._turn("set_cim_latency", operation=operation, seconds=seconds)

    def set_role_lag(self, seconds: float) -> None:
        """Let updates of roles take effect only this long after their answer."""
        self._turn("set_role_lag", seconds=seconds)

    def set_fault(self, method: str, fault_name: str | None, times: int | None = None) -> None:
        """Answer the next `times` calls (all, if None) with this fault; None takes it away."""
        self._turn("set_fault", method=method, fault_name=fault_name, times=times)

    def set_drop(self, method: str, times: int | None) -> None:
        """Run the next `times` calls (all, if None) and lose their answers."""
        self._turn("set_drop", method=method, times=times)

    def disconnect_host(self, name: str) -> None:
        """The host is no longer managed by vCenter."""
        self._turn("disconnect_host", name=name)

    def lose_host(self, name: str) -> None:
        """The host does not answer vCenter."""
        self._turn("lose_host", name=name)

    def reconnect_host(self, name: str) -> None:
        """The host is connected again."""
        self._turn("reconnect_host", name=name)

    def set_version(self, name: str, version: str) -> None:
        """The host runs another ESX release; from 9 on without CIM."""
        self._turn("set_version", name=name, version=version)

    def set_wbem(self, name: str, running: bool) -> None:  # noqa: FBT001 - the state is the argument
        """Start or stop sfcbd-watchdog on the host."""
        self._turn("set_wbem", name=name, running=running)

    def set_firewall(self, name: str, enabled: bool, allowed: tuple[str, ...] = ()) -> None:  # noqa: FBT001 - see above
        """What vCenter reports of the ruleset CIMHttpsServer; the lab itself blocks nothing."""
        self._turn("set_firewall", name=name, enabled=enabled, allowed=list(allowed))

    def set_lockdown(self, name: str, mode: str) -> None:
        """`lockdownDisabled`, `lockdownNormal` or `lockdownStrict`."""
        self._turn("set_lockdown", name=name, mode=mode)

    def set_maintenance(self, name: str, inside: bool) -> None:  # noqa: FBT001 - see above
        """Enter or leave maintenance mode."""
        self._turn("set_maintenance", name=name, inside=inside)

    def rename(self, path: str, name: str) -> None:
        """Call what is at `/DC1/host/cluster-01` something else."""
        self._turn("rename", path=path, name=name)

    def move(self, path: str, folder: str) -> None:
        """Hang what is at a path, and all below it, under the folder at another."""
        self._turn("move", path=path, folder=folder)

    def change_certificate(self, name: str) -> str:
        """Give the host another certificate; gives it as PEM."""
        return str(self._turn("change_certificate", name=name))

    def change_password(self, user: str, new: str) -> None:
        """Change a user's password in vCenter; files of the lab keep the old one."""
        self._turn("change_password", user=user, new=new)

    def renew_vcenter_certificate(self) -> None:
        """The vCenter shows another certificate of the same authority to new connections."""
        self._turn("renew_vcenter_certificate")

    def exchange_authority(self) -> Path:
        """The vCenter shows a certificate of another authority to new connections; gives that one's file."""
        return Path(self._turn("exchange_authority"))

    def kill_sessions(self, user: str) -> int:
        """End all sessions of a user; gives how many there were."""
        return int(self._turn("kill_sessions", user=user))

    def allow_sessions(self, most: int) -> None:
        """Answer log-ins beyond so many sessions with HTTP 503; those there are stay.

        That a vCenter blocks them is documented (typically at 3,000); how it answers is UNVERIFIED.
        """
        self._turn("allow_sessions", most=most)

    def stop_vcenter(self) -> None:
        """Close the vCenter's port and all its connections; sessions live on."""
        self._turn("stop_vcenter")

    def start_vcenter(self) -> None:
        """Open it again, on the same port."""
        self._turn("start_vcenter")

    def tickets_minted(self, host: str | None = None) -> int:
        """How many CIM tickets were minted so far, of one host or of all."""
        return int(self._turn("tickets_minted", host=host))

    def sessions(self) -> list[dict[str, Any]]:
        """Live sessions: user, remote, user_agent, login_time, calls."""
        return list(self._turn("sessions"))

    def calls(self) -> dict[str, int]:
        """How often each SOAP method was called so far."""
        return dict(self._turn("calls"))

    def hosts(self) -> list[dict[str, Any]]:
        """All hosts: name, moid, address, cim_port, parent, path."""
        return list(self._turn("hosts"))

    def _turn(self, knob: str, **arguments: object) -> Any:  # noqa: ANN401 - whatever the knob gives
        try:
            answer = decode(self._exchange(encode({"knob": knob, "arguments": arguments})))
        except (OSError, ValueError) as error:
            raise LabError(f"the lab at {self._path} does not answer: {type(error).__name__}") from None
        if "error" in answer:
            raise LabError(f"{knob}: {answer['error']}")
        return answer["result"]

    def _exchange(self, line: bytes) -> bytes:
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection,
            socket_address(self._path) as address,
        ):
            connection.settimeout(_TIMEOUT_S)
            connection.connect(address)
            connection.sendall(line)
            with connection.makefile("rb") as lines:
                return lines.readline()
