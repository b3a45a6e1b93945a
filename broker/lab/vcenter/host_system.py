"""HostSystem, and those of its managers that readers ask."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pyVmomi import vim, vmodl

from broker.lab.soap.call import Call, ManagedObject
from broker.lab.vcenter import host_config, host_hardware, host_services
from broker.lab.vcenter.entities import EntityObject, Surroundings
from broker.lab.world.host import Connection, Host, Lockdown
from broker.lab.world.values import VimValue


class Now(Protocol):
    """The lab's clock, as far as this room needs it."""

    def now(self) -> datetime:
        """The lab's time, aware, in UTC."""
        ...


class Tickets(Protocol):
    """Where CIM tickets come from."""

    def issue(self, host_moid: str, operation_id: str | None) -> str:
        """A new ticket for the host, asked for under this operation id."""
        ...


@dataclass(frozen=True, slots=True)
class HostServices:
    """What hosts need beside their own state: time, tickets, certificates as PEM by host name."""

    clock: Now
    tickets: Tickets
    certificate_pem: Callable[[str], str]


RELEASE_WITHOUT_CIM = 9


class HostObject(EntityObject):
    """One host. Where a client asks for a single path of `config` or `summary`, only that is built."""

    def __init__(self, host: Host, around: Surroundings, services: HostServices) -> None:
        super().__init__(around.inventory.entity(host.moid), around)
        self._host = host
        self._services = services
        self._boot_time = services.clock.now()

    @property
    def parts(self) -> dict[str, Callable[[], VimValue]]:
        """Readers of paths that are asked for often or of many hosts at once."""
        host, pem = self._host, self._pem
        return {
            "config.product": lambda: host_config.product(host),
            "config.service": lambda: host_services.service_info(host),
            "config.firewall": lambda: host_services.firewall_info(host),
            "config.network": lambda: host_config.network(host),
            "config.network.dnsConfig": lambda: host_config.dns_config(host),
            "config.lockdownMode": lambda: getattr(vim.host.HostAccessManager.LockdownMode, host.lockdown),
            "config.certificate": lambda: host_config.certificate_bytes(pem()),
            "runtime.connectionState": lambda: getattr(vim.HostSystem.ConnectionState, host.connection),
            "runtime.inMaintenanceMode": lambda: host.maintenance,
            "runtime.healthSystemRuntime": self._health,
            "hardware.systemInfo": lambda: host_hardware.system_info(host),
            "summary.config.product": lambda: host_config.product(host),
            "summary.config.sslThumbprint": lambda: host.kept_thumbprint or host_config.thumbprint(pem()),
            "summary.runtime.connectionState": lambda: getattr(
                vim.HostSystem.ConnectionState, host.connection
            ),
            "summary.hardware": lambda: host_hardware.hardware_summary(host),
        }

    def AcquireCimServicesTicket(self, call: Call) -> vim.HostServiceTicket:
        """A ticket for 120 s of lab time. Raises HostNotConnected, and NotSupported for ESX 9.

        Which faults a real vCenter gives for these two is not documented.
        """
        if self._host.connection is not Connection.CONNECTED:
            raise vmodl.fault.HostNotConnected
        if int(self._host.version.partition(".")[0]) >= RELEASE_WITHOUT_CIM:
            raise vmodl.fault.NotSupported
        pem = self._pem()
        newest = call.version.rpartition(".")[2].startswith("v9")
        return vim.HostServiceTicket(
            host=self._host.address,
            port=self._host.cim_port,
            sslThumbprint=None if newest else host_config.thumbprint(pem),
            sslCertificate=pem if newest else None,
            service="cim",
            serviceVersion="1.0",
            sessionId=self._services.tickets.issue(self.moid, call.operation_id),
        )

    def read_config(self, call: Call) -> VimValue:
        """As much of HostConfigInfo as the lab models."""
        return host_config.config_info(self._host, self._pem())

    def read_configManager(self, call: Call) -> VimValue:
        """The managers that the lab has."""
        return host_config.config_manager(self._host)

    def read_runtime(self, call: Call) -> VimValue:
        """Connection, power, maintenance, health."""
        return host_config.runtime_info(self._host, self._health(), self._boot_time)

    def read_hardware(self, call: Call) -> VimValue:
        """A two-socket server."""
        return host_hardware.hardware_info(self._host, self._boot_time)

    def read_capability(self, call: Call) -> VimValue:
        """Capability bits."""
        return host_hardware.capability()

    def read_summary(self, call: Call) -> VimValue:
        """The short form."""
        config = vim.host.Summary.ConfigSummary(
            name=self._host.name,
            port=443,
            sslThumbprint=host_config.thumbprint(self._pem()),
            product=host_config.product(self._host),
            vmotionEnabled=True,
            faultToleranceEnabled=False,
        )
        return vim.host.Summary(
            host=vim.HostSystem(self.moid),
            hardware=host_hardware.hardware_summary(self._host),
            runtime=self.read_runtime(call),
            config=config,
            quickStats=vim.host.Summary.QuickStats(
                overallCpuUsage=3062, overallMemoryUsage=5986, uptime=178220
            ),
            overallStatus=vim.ManagedEntity.Status.green,
            rebootRequired=False,
        )

    def read_vm(self, call: Call) -> list[VimValue]:
        """None."""
        return []

    read_datastore = read_network = read_vm

    def _pem(self) -> str:
        return self._services.certificate_pem(self._host.name)

    def _health(self) -> VimValue:
        return host_hardware.health(self._services.clock.now())


class _Manager:
    """A manager of a host; privileges for it are checked on the host."""

    kind = ""

    def __init__(self, host: Host) -> None:
        self.moid = host_config.manager_moid(self.kind, host)
        self.entity_moid = host.moid
        self._host = host


class HostServiceSystem(_Manager):
    """Services, to be read."""

    vim_type = vim.host.ServiceSystem
    kind = "serviceSystem"

    def RefreshServices(self, call: Call) -> None:
        """Nothing to do: the state is made when it is read."""

    def read_serviceInfo(self, call: Call) -> VimValue:
        """As config.service."""
        return host_services.service_info(self._host)


class HostFirewallSystem(_Manager):
    """The firewall, to be read."""

    vim_type = vim.host.FirewallSystem
    kind = "firewallSystem"

    def RefreshFirewall(self, call: Call) -> None:
        """Nothing to do: the state is made when it is read."""

    def read_firewallInfo(self, call: Call) -> VimValue:
        """As config.firewall."""
        return host_services.firewall_info(self._host)


class HostNetworkSystem(_Manager):
    """The network, to be read."""

    vim_type = vim.host.NetworkSystem
    kind = "networkSystem"

    def read_networkInfo(self, call: Call) -> VimValue:
        """As config.network."""
        return host_config.network(self._host)

    def read_dnsConfig(self, call: Call) -> VimValue:
        """As config.network.dnsConfig."""
        return host_config.dns_config(self._host)


class HostHealthStatusSystem(_Manager):
    """Sensors, to be read."""

    vim_type = vim.host.HealthStatusSystem
    kind = "healthStatusSystem"

    def __init__(self, host: Host, clock: Now) -> None:
        super().__init__(host)
        self._clock = clock

    def RefreshHealthStatusSystem(self, call: Call) -> None:
        """Nothing to do: readings are made when they are read."""

    def read_runtime(self, call: Call) -> VimValue:
        """As runtime.healthSystemRuntime."""
        return host_hardware.health(self._clock.now())


class HostAccessManager(_Manager):
    """Lockdown mode, to be read."""

    vim_type = vim.host.HostAccessManager
    kind = "hostAccessManager"

    def read_lockdownMode(self, call: Call) -> VimValue:
        """As config.lockdownMode."""
        return getattr(vim.host.HostAccessManager.LockdownMode, Lockdown(self._host.lockdown))


def host_objects(host: Host, around: Surroundings, services: HostServices) -> Iterator[ManagedObject]:
    """The host and its managers."""
    yield HostObject(host, around, services)
    yield HostServiceSystem(host)
    yield HostFirewallSystem(host)
    yield HostNetworkSystem(host)
    yield HostHealthStatusSystem(host, services.clock)
    yield HostAccessManager(host)
