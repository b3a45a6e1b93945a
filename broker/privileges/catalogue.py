"""The catalogue of privileges that is shipped: `catalogue.json`, beside this module.

It is made from published lists, which its `sources` cite, and no list is complete: a vCenter's own
privilegeList decides what exists there, and extensions add to it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from types import MappingProxyType

CIM_INTERACTION = "Host.Cim.CimInteraction"
"""What HostSystem.AcquireCimServicesTicket asks for."""

SYSTEM_MANAGEMENT = "Host.Config.SystemManagement"
"""What VMware's guide asks for, beside CIM_INTERACTION, to write by CIM."""

_NEWEST = "govmomi-0.56"


class Risk(StrEnum):
    """What holding a privilege can lead to."""

    READ = "read"
    SENSITIVE = "sensitive"
    WRITE = "write"
    ESCALATION = "escalation"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Privilege:
    """One privilege. None and empty where nothing published says it.

    `needed_by` are the first few methods and properties of the vSphere API that ask for it,
    `since_api` the first API version that has one of them: releases of at least that version have
    the privilege. `listed_in`, `described_in` and `risk_source` are keys of the catalogue's sources.
    """

    id: str
    group: str
    description: str | None
    described_in: str | None
    risk: Risk
    risk_reason: str | None
    risk_source: str | None
    needed_by: tuple[str, ...]
    since_api: str | None
    listed_in: tuple[str, ...]

    @property
    def retired(self) -> bool:
        """Whether an older published list has it and the newest has not."""
        return _NEWEST not in self.listed_in


class Catalogue:
    """Privileges by id, and the citations that their entries name."""

    def __init__(self, privileges: Iterable[Privilege], sources: Mapping[str, str]) -> None:
        self.privileges: Mapping[str, Privilege] = MappingProxyType({each.id: each for each in privileges})
        self.sources: Mapping[str, str] = MappingProxyType(dict(sources))
        self._spelled = {each.casefold(): each for each in self.privileges}

    def get(self, privilege: str) -> Privilege | None:
        """The entry of exactly this id."""
        return self.privileges.get(privilege)

    def spelled(self, privilege: str) -> str | None:
        """The id that differs from this one by case alone, or is it."""
        return self._spelled.get(privilege.casefold())


def shipped() -> Catalogue:
    """The catalogue beside this module."""
    text = resources.files(__package__).joinpath("catalogue.json").read_text(encoding="ascii")
    content = json.loads(text)
    return Catalogue(map(_privilege, content["privileges"]), content["sources"])


def _privilege(entry: Mapping[str, object]) -> Privilege:
    """Raises TypeError for keys that an entry has not, ValueError for an unknown risk."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
    values["risk"] = Risk(str(values["risk"]))
    return Privilege(**values)  # type: ignore[arg-type]  # a test holds every entry against the fields' types
