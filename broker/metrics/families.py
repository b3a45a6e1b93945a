"""Every metric of ours: its name, its labels and what it says. The reference page is made of this."""

from dataclasses import dataclass
from enum import StrEnum

OTHER = "other"
"""The label of what is not on its closed list."""

NONE = "none"
"""The label of what is not known, or not there."""


class Kind(StrEnum):
    """The types of Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. A counter's name ends in `_total`, which is how it is shown; `buckets` are upper bounds."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_SHORT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LONG = (*_SHORT, 10.0, 30.0)
_AGES = (0.5, 1.0, 2.5, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0)
_COUNTS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)

TICKET_REQUESTS = Family(
    "broker_ticket_requests_total",
    Kind.COUNTER,
    "Ticket requests that ended, by how and why.",
    ("ended", "template", "vcenter", "reason"),
)
STOP_SECONDS = Family(
    "broker_stop_seconds",
    Kind.HISTOGRAM,
    "How long ticket requests took at each stop of their way, from the end of the stop before.",
    ("stop",),
    _LONG,
)
PROOF_AGE_SECONDS = Family(
    "broker_proof_age_seconds",
    Kind.HISTOGRAM,
    "How old proofs of privileges were when they were used.",
    ("vcenter",),
    _AGES,
)
HTTP_REQUESTS = Family(
    "broker_http_requests_total", Kind.COUNTER, "Answers, by class of their status.", ("route", "status")
)
HTTP_REQUEST_SECONDS = Family(
    "broker_http_request_seconds",
    Kind.HISTOGRAM,
    "How long it took from a request's head to its answer, or to the begin of one that is streamed.",
    ("route",),
    _LONG,
)
REFUSALS = Family(
    "broker_refusals_total",
    Kind.COUNTER,
    "Answers that say no, by the reason that the log has, or by `too_many_refusals` where refusals are "
    "counted instead of recorded.",
    ("route", "reason"),
)
VCENTER_CALLS = Family(
    "broker_vcenter_calls_total",
    Kind.COUNTER,
    "Calls of vCenter, by what became of them.",
    ("vcenter", "method", "result"),
)
VCENTER_CALL_SECONDS = Family(
    "broker_vcenter_call_seconds",
    Kind.HISTOGRAM,
    "How long calls of vCenter took; the long wait for changes of the inventory is left out.",
    ("vcenter", "method"),
    _LONG,
)
VCENTER_SESSIONS = Family(
    "broker_vcenter_sessions",
    Kind.GAUGE,
    "Sessions that this process has with the vCenter.",
    ("vcenter",),
)
VCENTER_CALLS_RUNNING = Family(
    "broker_vcenter_calls_running",
    Kind.GAUGE,
    "Calls that this process has under way at the vCenter, of the places that it may take.",
    ("vcenter",),
)
VCENTER_CALLS_WAITING = Family(
    "broker_vcenter_calls_waiting",
    Kind.GAUGE,
    "Threads of this process that wait for a place at the vCenter, or for what another's call brings.",
    ("vcenter",),
)
STORE_COMMITS = Family(
    "broker_store_commits_total",
    Kind.COUNTER,
    "Transactions of the store, by whether they are known to be durable.",
    ("result",),
)
STORE_COMMIT_SECONDS = Family(
    "broker_store_commit_seconds", Kind.HISTOGRAM, "How long it took to make one durable.", (), _SHORT
)
STORE_COMMIT_RECORDS = Family(
    "broker_store_commit_records", Kind.HISTOGRAM, "Records of the log in one transaction.", (), _COUNTS
)
CAN_ISSUE = Family("broker_can_issue", Kind.GAUGE, "1 while this process can issue tickets, as /readyz says.")
DEGRADED = Family(
    "broker_degraded", Kind.GAUGE, "1 for each code that /readyz lists under `degraded`.", ("code",)
)
DRIFTED_GRANTS = Family(
    "broker_drifted_grants",
    Kind.GAUGE,
    "Grants that issue no ticket, since vCenter is not as it was applied, by each way in which it differs.",
    ("vcenter", "kind"),
)
CONTROLLER_SILENCE_SECONDS = Family(
    "broker_controller_silence_seconds",
    Kind.GAUGE,
    "How long ago the controller last knew how the vCenter stands; since the last apply where it never did.",
    ("vcenter",),
)
LOG_RECORDS = Family("broker_log_records", Kind.GAUGE, "How many records the audit log has.")
CHECKPOINT_AGE_SECONDS = Family(
    "broker_checkpoint_age_seconds",
    Kind.GAUGE,
    "How long ago a checkpoint of the audit log left, where `audit.checkpoints` says where to.",
)
BUILD_INFO = Family("broker_build_info", Kind.GAUGE, "1; the labels say what runs.", ("version", "python"))

FAMILIES = (
    TICKET_REQUESTS,
    STOP_SECONDS,
    PROOF_AGE_SECONDS,
    HTTP_REQUESTS,
    HTTP_REQUEST_SECONDS,
    REFUSALS,
    VCENTER_CALLS,
    VCENTER_CALL_SECONDS,
    VCENTER_SESSIONS,
    VCENTER_CALLS_RUNNING,
    VCENTER_CALLS_WAITING,
    STORE_COMMITS,
    STORE_COMMIT_SECONDS,
    STORE_COMMIT_RECORDS,
    CAN_ISSUE,
    DEGRADED,
    DRIFTED_GRANTS,
    CONTROLLER_SILENCE_SECONDS,
    LOG_RECORDS,
    CHECKPOINT_AGE_SECONDS,
    BUILD_INFO,
)
