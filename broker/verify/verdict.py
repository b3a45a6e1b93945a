"""What a verification found."""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.tlog.checkpoint import TreeHead
from broker.verify.findings import Finding


@dataclass(frozen=True, slots=True)
class Verdict:
    """The log is what it says, as far as that was checked, unless there are findings."""

    head: TreeHead | None
    """What its checkpoint says; None where it has none that can be read."""
    signers: tuple[str, ...]
    """The ids of the keys that signed that."""
    independent: bool
    """Whether these keys are the checker's own knowledge."""
    findings: tuple[Finding, ...]
    """The first of each kind, in the order of the log."""
    wrong: Mapping[str, int]
    """How many there are of each kind."""
    told: Mapping[str, int]
    """What is no fault, and how many records it is about."""
    checked: Mapping[str, int]
    """How many of what were checked."""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings
