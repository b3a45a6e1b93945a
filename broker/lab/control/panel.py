"""The knobs of a lab, each a method that the control socket offers under its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from broker.lab.certificates import HostCertificates, LabAuthority
from broker.lab.cim.service import CimService
from broker.lab.clock import LabClock
from broker.lab.control.knobs import Knobs
from broker.lab.errors import LabError
from broker.lab.listener import VCenterListener
from broker.lab.options import VCENTER_NAME
from broker.lab.tickets import CimTickets
from broker.lab.vcenter.sessions import SessionTable
from broker.lab.world.users import Users
from broker.lab.world.world import World


@dataclass(frozen=True, slots=True)
class Machinery:
    """What the knobs turn."""

    clock: LabClock
    world: World
    users: Users
    sessions: SessionTable
    tickets: CimTickets
    authority: LabAuthority
    certificates: HostCertificates
    cim: CimService
    knobs: Knobs
    listener: VCenterListener


def panel(machinery: Machinery) -> Mapping[str, Callable[..., object]]:
    """All knobs by name."""
    knobs, world, own = machinery.knobs, machinery.world, _Own(machinery)
    return {
        "now": own.now,
        "advance_clock": own.advance_clock,
        "set_latency": knobs.set_latency,
        "set_cim_latency": own.set_cim_latency,
        "set_role_lag": knobs.set_role_lag,
        "set_fault": knobs.set_fault,
        "set_drop": knobs.set_drop,
        "disconnect_host": world.disconnect_host,
        "lose_host": world.lose_host,
        "reconnect_host": world.reconnect_host,
        "set_version": world.set_version,
        "set_wbem": world.set_wbem,
        "set_firewall": own.set_firewall,
        "set_lockdown": world.set_lockdown,
        "set_maintenance": world.set_maintenance,
        "rename": world.rename,
        "move": world.move,
        "change_certificate": own.change_certificate,
        "change_password": own.change_password,
        "renew_vcenter_certificate": own.renew_vcenter_certificate,
        "exchange_authority": own.exchange_authority,
        "kill_sessions": own.kill_sessions,
        "allow_sessions": machinery.sessions.allow,
        "stop_vcenter": machinery.listener.stop,
        "start_vcenter": machinery.listener.start,
        "tickets_minted": own.tickets_minted,
        "sessions": own.sessions,
        "calls": knobs.calls,
        "hosts": own.hosts,
    }


class _Own:
    """Knobs that turn several things, or give what JSON can hold."""

    def __init__(self, machinery: Machinery) -> None:
        self._all = machinery

    def now(self) -> str:
        return self._all.clock.now().isoformat()

    def advance_clock(self, seconds: float) -> str:
        moved = self._all.clock.advance(seconds)
        self._all.world.changes.wake()
        return moved.isoformat()

    def set_cim_latency(self, operation: str, seconds: float) -> None:
        self._all.cim.latencies.set(operation, seconds)

    def set_firewall(self, name: str, enabled: bool, allowed: list[str]) -> None:  # noqa: FBT001 - the state
        self._all.world.set_firewall(name, enabled, tuple(allowed))

    def change_certificate(self, name: str) -> str:
        host = self._all.world.host(name)
        issued = self._all.certificates.renew(host.name, host.address)
        self._all.cim.change_certificate(host.moid, issued.file)
        self._all.world.certificate_changed(name)
        return issued.pem

    def change_password(self, user: str, new: str) -> None:
        self._all.users.change_password(self._user(user), new)

    def renew_vcenter_certificate(self) -> None:
        self._all.listener.show(self._all.authority.issue_vcenter(VCENTER_NAME).file)

    def exchange_authority(self) -> str:
        self._all.authority.exchange()
        self.renew_vcenter_certificate()
        return str(self._all.authority.next_ca_file)

    def kill_sessions(self, user: str) -> int:
        return self._all.sessions.kill(self._user(user))

    def tickets_minted(self, host: str | None) -> int:
        return self._all.tickets.minted(self._all.world.host(host).moid if host else None)

    def sessions(self) -> list[dict[str, Any]]:
        return [
            {
                "user": live.session.user,
                "remote": live.remote,
                "user_agent": live.user_agent,
                "login_time": live.login_time.isoformat(),
                "calls": live.calls,
            }
            for live in self._all.sessions.all()
        ]

    def hosts(self) -> list[dict[str, Any]]:
        inventory = self._all.world.inventory
        return [
            {
                "name": host.name,
                "moid": host.moid,
                "address": host.address,
                "cim_port": host.cim_port,
                "parent": host.parent,
                "path": "/" + "/".join(each.name for each in inventory.path(host.moid)[1:]),
            }
            for host in inventory.hosts()
        ]

    def _user(self, name: str) -> str:
        known = self._all.users.canonical(name)
        if known is None:
            raise LabError("there is no such user in the lab")
        return known
