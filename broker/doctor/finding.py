"""One finding, and the report of a whole look."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.doctor.catalogue import CATALOGUE, Check, Entry, Severity
from broker.model.names import VcenterId
from broker.model.record import JsonValue


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found. `subject` is what it is about: `account cim-a`, `host esx01`."""

    check: Check
    vcenter: VcenterId | None
    """None for what no vCenter shows."""
    subject: str
    text: str
    facts: Mapping[str, JsonValue] = field(default_factory=dict)

    @property
    def entry(self) -> Entry:
        """What the catalogue says of such findings."""
        return CATALOGUE[self.check]


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found, in the order in which it was looked for."""

    findings: tuple[Finding, ...]
    vcenters: tuple[VcenterId, ...]
    hosts: int
    """How many hosts were looked at."""
    unseen: tuple[VcenterId, ...]
    """vCenters that could not be looked at, or not to the end: there may be more to find."""

    def count(self, severity: Severity) -> int:
        """How many findings are of that severity."""
        return sum(finding.entry.severity is severity for finding in self.findings)


_SHOWN = 5


def some(names: tuple[str, ...]) -> str:
    """A list for a sentence: the first few, and how many more."""
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
