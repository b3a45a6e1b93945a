"""How a process stands: codes of a closed list, which /readyz, the log and the metrics show."""

from dataclasses import dataclass
from enum import StrEnum


class Degraded(StrEnum):
    """What does not work, while tickets may still be issued."""

    LOGIN_LATCHED = "login_latched"
    NOT_APPLIED = "not_applied"
    VCENTER_UNREACHABLE = "vcenter_unreachable"
    VCENTER_BUSY = "vcenter_busy"
    VCENTER_FAULT = "vcenter_fault"
    INVENTORY_STALE = "inventory_stale"
    ACCOUNT_UNUSABLE = "account_unusable"
    CONTROLLER_SILENT = "controller_silent"
    STORE_UNAVAILABLE = "store_unavailable"
    LIMITS_IN_MEMORY = "limits_in_memory"


@dataclass(frozen=True, slots=True)
class Condition:
    """How a process stands: the codes in order."""

    can_issue: bool
    degraded: tuple[str, ...]
