"""One ESXi host: what vCenter knows of it."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

_NAMESPACE = uuid.UUID("5e7a1f0c-3f0b-4e0e-9d53-0a4f1f8f2b11")


class Connection(StrEnum):
    """HostSystemConnectionState."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    NOT_RESPONDING = "notResponding"


class Lockdown(StrEnum):
    """HostLockdownMode."""

    DISABLED = "lockdownDisabled"
    NORMAL = "lockdownNormal"
    STRICT = "lockdownStrict"


@dataclass(slots=True)
class Host:
    """State of a host. Written through `World` only, which tells those who watch."""

    moid: str
    name: str
    parent: str
    address: str
    standalone: bool
    cim_port: int | None = None
    version: str = "8.0.3"
    connection: Connection = Connection.CONNECTED
    maintenance: bool = False
    wbem_running: bool = True
    cim_ruleset_enabled: bool = True
    cim_allowed: tuple[str, ...] = ()
    lockdown: Lockdown = Lockdown.DISABLED
    kept_thumbprint: str | None = None
    """Of the certificate by which vCenter connected the host; None while that is the present one."""

    @property
    def uuid(self) -> str:
        """The hardware's UUID, the same for the same name in every lab."""
        return str(uuid.uuid5(_NAMESPACE, self.name))

    @property
    def number(self) -> str:
        """The digits of the moid, which its managers' ids share."""
        return self.moid.rpartition("-")[2]

    @property
    def short_name(self) -> str:
        """The name without its domain."""
        return self.name.partition(".")[0]

    @property
    def domain(self) -> str:
        """The name's domain."""
        return self.name.partition(".")[2]
