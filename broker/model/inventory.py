"""Hosts as vCenter shows them to one account, and the judgement whether CIM can work there."""

from dataclasses import dataclass
from enum import StrEnum

from broker.errors import Reason
from broker.model.names import AccountId, HostName, Moid, VcenterId


class Connection(StrEnum):
    """HostSystem.runtime.connectionState; `unknown` when the account may not read it."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    NOT_RESPONDING = "notResponding"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HostRef:
    """What identifies a host: the vCenter's instanceUuid and the managed object id."""

    vcenter: VcenterId
    instance_uuid: str
    moid: Moid


@dataclass(frozen=True, slots=True)
class Host:
    """One host as one account sees it now. `ancestors` runs from the parent to the root folder."""

    ref: HostRef
    name: HostName
    addresses: tuple[HostName, ...]
    ancestors: tuple[Moid, ...]
    connection: Connection
    version: str | None
    lockdown: str | None
    self_named: bool = False
    """`name` is what the host says of itself: the one that vCenter shows cannot be asked for."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A host in the inventory of one account, and how long ago that inventory was confirmed.

    `unseen_as` is how the same search would have been refused had nobody seen the host, where that
    is not `host_unknown`: an account could not say, just then, that it does not see it.
    """

    account: AccountId
    host: Host
    age_s: float
    unseen_as: Reason | None = None


@dataclass(frozen=True, slots=True)
class Firewall:
    """The ruleset CIMHttpsServer: None is unknown, never false."""

    enabled: bool | None
    all_addresses: bool | None
    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What is read from a host on demand. None means that vCenter did not say."""

    cim_running: bool | None
    firewall: Firewall
    certificate_pem: str | None


@dataclass(frozen=True, slots=True)
class Readiness:
    """A host that may be asked for a ticket, and what is worth a warning."""

    facts: HostFacts
    warnings: tuple[str, ...]
