"""How a process stands: codes of a closed list, which /readyz, the log and the metrics show."""

from dataclasses import dataclass
from enum import StrEnum

from broker.errors import Trouble


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
    STORE_UNAVAILABLE = Trouble.STORE_UNAVAILABLE.value
    STORE_REPLACED = Trouble.STORE_REPLACED.value
    STORE_READ_ONLY = Trouble.STORE_READ_ONLY.value
    COMMIT_UNKNOWN = Trouble.COMMIT_UNKNOWN.value
    DISK_RESERVE = Trouble.DISK_RESERVE.value
    LOG_KEY_MISSING = Trouble.LOG_KEY_MISSING.value
    LOG_ROLLED_BACK = Trouble.LOG_ROLLED_BACK.value
    HIGH_WATER_UNUSABLE = Trouble.HIGH_WATER_UNUSABLE.value
    CHECKPOINT_LATE = "checkpoint_late"
    CLOCK_STEPPED_BACK = "clock_stepped_back"
    LIMITS_IN_MEMORY = "limits_in_memory"


@dataclass(frozen=True, slots=True)
class Condition:
    """How a process stands: the codes in order."""

    can_issue: bool
    degraded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogStanding:
    """How far the log has come, and how long ago a checkpoint left; None where none is to leave."""

    size: int
    checkpoint_age_s: float | None
