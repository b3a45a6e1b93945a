"""The inventory with its hosts, and every way in which they change."""

from broker.lab.errors import LabError
from broker.lab.world.changes import Changes
from broker.lab.world.host import Connection, Host, Lockdown
from broker.lab.world.inventory import Entity, Inventory


class World:
    """Changes hosts and places, and says so in the journal."""

    def __init__(self, inventory: Inventory, changes: Changes) -> None:
        self.inventory = inventory
        self.changes = changes

    def host(self, name: str) -> Host:
        """The host of this name. Raises LabError."""
        try:
            return self.inventory.host_named(name)
        except KeyError:
            raise LabError(f"there is no host {name} in the lab") from None

    def disconnect_host(self, name: str) -> None:
        """VCenter no longer manages the host."""
        self._connection(name, Connection.DISCONNECTED)

    def lose_host(self, name: str) -> None:
        """The host does not answer vCenter."""
        self._connection(name, Connection.NOT_RESPONDING)

    def reconnect_host(self, name: str) -> None:
        """The host is managed again."""
        self._connection(name, Connection.CONNECTED)

    def set_version(self, name: str, version: str) -> None:
        """The host runs another ESX release."""
        host = self.host(name)
        host.version = version
        self.changes.note(host.moid, "config.product", "summary.config.product")

    def set_wbem(self, name: str, running: bool) -> None:  # noqa: FBT001 - the state is the argument
        """Start or stop sfcbd-watchdog."""
        host = self.host(name)
        host.wbem_running = running
        self.changes.note(host.moid, "config.service")

    def set_firewall(self, name: str, enabled: bool, allowed: tuple[str, ...] = ()) -> None:  # noqa: FBT001
        """Open or close the ruleset CIMHttpsServer; `allowed` addresses or networks, none for all."""
        host = self.host(name)
        host.cim_ruleset_enabled, host.cim_allowed = enabled, allowed
        self.changes.note(host.moid, "config.firewall")

    def set_lockdown(self, name: str, mode: str) -> None:
        """`lockdownDisabled`, `lockdownNormal` or `lockdownStrict`. Raises LabError for others."""
        host = self.host(name)
        try:
            host.lockdown = Lockdown(mode)
        except ValueError:
            raise LabError(f"{mode} is no lockdown mode") from None
        self.changes.note(host.moid, "config.lockdownMode")

    def set_maintenance(self, name: str, inside: bool) -> None:  # noqa: FBT001 - the state is the argument
        """Enter or leave maintenance mode."""
        host = self.host(name)
        host.maintenance = inside
        self.changes.note(host.moid, "runtime.inMaintenanceMode")

    def rename(self, path: str, name: str) -> None:
        """Call the entity at `/DC1/host/cluster-01` something else. Raises LabError."""
        entity = self._at(path)
        entity.name = name
        self.changes.note(entity.moid, "name")

    def move(self, path: str, folder: str) -> None:
        """Hang the entity under the folder at another path. Raises LabError."""
        entity, home = self._at(path), self._at(folder)
        if home.type_name != "Folder" or entity in self.inventory.path(home.moid):
            raise LabError(f"{folder} is no folder outside of {path}")
        self.inventory.move(entity.moid, home.moid)
        self.changes.note(entity.moid, "parent")
        self.changes.note_structure()

    def certificate_changed(self, name: str) -> None:
        """The host shows another certificate from now on."""
        self.changes.note(self.host(name).moid, "config.certificate", "summary.config.sslThumbprint")

    def _at(self, path: str) -> Entity:
        try:
            return self.inventory.at(path)
        except KeyError:
            raise LabError(f"there is nothing at {path} in the lab") from None

    def _connection(self, name: str, state: Connection) -> None:
        host = self.host(name)
        host.connection = state
        self.changes.note(host.moid, "runtime.connectionState", "summary.runtime.connectionState")
