"""Every way in which the broker says no.

    BrokerError
    |-- InvalidName            a name or id outside its grammar
    |-- ConfigurationError     a file an admin wrote: file, line, key, what to do
    |-- PolicyRefused          files that are in order and say what lint refuses
    |-- SecretUnavailable      a secret's reference leads nowhere, or to a file others can read
    |-- FileRefused            a file that would hold a secret cannot be made
    |   `-- FileExists         ... since one is there (broker/files.py)
    `-- Refused                decided by us, or by vCenter for us: one of the closed reasons
        |-- Limited            ... and when to come back
        |-- MintUnknown        the ticket call was sent and its end is not known
        `-- LogUnavailable     nothing can be put on record, so nothing is done

A `Reason` is what a refusal is called in the log, in the answer and in the reference. Some are
shown to a caller under another name, so that "no such host" and "not yours" look alike.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Reason(StrEnum):
    """The closed list of refusals and failures."""

    MALFORMED = "malformed"
    INVALID_REQUEST = "invalid_request"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"

    UNAUTHENTICATED = "unauthenticated"
    INVALID_CLIENT = "invalid_client"
    INSUFFICIENT_SCOPE = "insufficient_scope"

    NOT_GRANTED = "not_granted"
    HOST_UNKNOWN = "host_unknown"
    HOST_AMBIGUOUS = "host_ambiguous"
    GRANT_UNKNOWN = "grant_unknown"
    GRANT_EXPIRED = "grant_expired"
    GRANT_DISABLED = "grant_disabled"
    OUT_OF_SCOPE = "out_of_scope"
    GRANT_AMBIGUOUS = "grant_ambiguous"
    GRANT_CHANGED = "grant_changed"
    GRANT_TOO_LONG = "grant_too_long"
    TEMPLATE_DISABLED = "template_disabled"
    TICKET_KIND_REFUSED = "ticket_kind_refused"

    NOT_APPLIED = "not_applied"
    DRIFTED = "drifted"
    NARROWED = "narrowed"
    CONTROLLER_SILENT = "controller_silent"
    OVER_PRIVILEGED = "over_privileged"
    UNPROVEN = "unproven"

    HOST_DISCONNECTED = "host_disconnected"
    HOST_VERSION_UNSUPPORTED = "host_version_unsupported"
    CIM_SERVICE_STOPPED = "cim_service_stopped"
    CERTIFICATE_MISMATCH = "certificate_mismatch"

    RATE_LIMITED = "rate_limited"
    TOO_MANY_REFUSALS = "too_many_refusals"

    IDEMPOTENCY_RUNNING = "idempotency_running"
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"
    IDEMPOTENCY_EXHAUSTED = "idempotency_exhausted"

    INVENTORY_STALE = "inventory_stale"
    VCENTER_UNAVAILABLE = "vcenter_unavailable"
    VCENTER_BUSY = "vcenter_busy"
    VCENTER_FAULT = "vcenter_fault"
    VCENTER_TIMEOUT = "vcenter_timeout"
    LOGIN_LATCHED = "login_latched"
    RECOVERED_ORPHAN = "recovered_orphan"
    LATE_RESULT = "late_result"
    LOG_UNAVAILABLE = "log_unavailable"
    BROKER_BUSY = "broker_busy"
    SHUTTING_DOWN = "shutting_down"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class ReasonFacts:
    """How a reason looks from outside: HTTP status, title, advice to the caller, name shown.

    `retry_after_s` is what Retry-After says where trying again can help and the refusal itself does
    not say when.
    """

    status: int
    title: str
    advice: str
    shown_as: Reason
    retry_after_s: int | None = None


def _facts(
    reason: Reason, status: int, title: str, advice: str, retry_after_s: int | None = None
) -> tuple[Reason, ReasonFacts]:
    return reason, ReasonFacts(status, title, advice, reason, retry_after_s)


_SOON_S = 1
"""A place comes free, or another process takes over."""

_LATER_S = 5
"""Something is down or behind, and looked at every few seconds."""


_NOT_GRANTED = ReasonFacts(
    403,
    "No grant covers this request",
    "Ask the broker's admins, and give them the id of this answer.",
    Reason.NOT_GRANTED,
)

REASONS: dict[Reason, ReasonFacts] = dict(
    [
        _facts(
            Reason.MALFORMED, 400, "The body is not JSON", "Send one JSON object in UTF-8, each key once."
        ),
        _facts(
            Reason.INVALID_REQUEST,
            422,
            "The request does not fit its schema",
            "Compare it with /openapi.json.",
        ),
        _facts(Reason.NOT_FOUND, 404, "There is nothing here", "Compare the path with /openapi.json."),
        _facts(
            Reason.METHOD_NOT_ALLOWED, 405, "This path has no such method", "Compare it with /openapi.json."
        ),
        _facts(Reason.TOO_LARGE, 413, "The request is too large", "A ticket request is below 64 KiB."),
        _facts(Reason.UNSUPPORTED_MEDIA_TYPE, 415, "The body is of another type", "Send application/json."),
        _facts(Reason.UNAUTHENTICATED, 401, "A valid access token is needed", "Get one at /oauth2/token."),
        _facts(
            Reason.INVALID_CLIENT,
            401,
            "The client could not be authenticated",
            "Check its id, key and clock.",
        ),
        _facts(
            Reason.INSUFFICIENT_SCOPE,
            403,
            "The access token lacks the scope",
            "Ask for a token with the scope.",
        ),
        (Reason.NOT_GRANTED, _NOT_GRANTED),
        (Reason.HOST_UNKNOWN, _NOT_GRANTED),
        (Reason.HOST_AMBIGUOUS, _NOT_GRANTED),
        (Reason.GRANT_UNKNOWN, _NOT_GRANTED),
        (Reason.GRANT_EXPIRED, _NOT_GRANTED),
        (Reason.GRANT_DISABLED, _NOT_GRANTED),
        (Reason.GRANT_TOO_LONG, _NOT_GRANTED),
        (Reason.TEMPLATE_DISABLED, _NOT_GRANTED),
        (Reason.TICKET_KIND_REFUSED, _NOT_GRANTED),
        (Reason.OUT_OF_SCOPE, _NOT_GRANTED),
        _facts(Reason.GRANT_AMBIGUOUS, 422, "Several of your grants cover this host", "Name one in `grant`."),
        _facts(Reason.GRANT_CHANGED, 409, "The grant changed while the request ran", "Ask again."),
        _facts(
            Reason.NOT_APPLIED,
            503,
            "The grant is not in force in vCenter",
            "Tell the broker's admins: `broker roles apply` is due.",
        ),
        _facts(
            Reason.DRIFTED, 503, "vCenter no longer holds what the grant says", "Tell the broker's admins."
        ),
        _facts(Reason.NARROWED, 503, "vCenter holds less than the grant says", "Tell the broker's admins."),
        _facts(
            Reason.CONTROLLER_SILENT,
            503,
            "Nobody knows whether vCenter still holds what the grant says",
            "Tell the broker's admins: its controller has not been heard of.",
            _LATER_S,
        ),
        _facts(
            Reason.OVER_PRIVILEGED,
            503,
            "The account holds more than its template",
            "Tell the broker's admins.",
        ),
        _facts(
            Reason.UNPROVEN, 503, "The account's privileges could not be proved", "Ask again later.", _LATER_S
        ),
        _facts(
            Reason.HOST_DISCONNECTED, 409, "The host is not connected to vCenter", "Ask again when it is."
        ),
        _facts(
            Reason.HOST_VERSION_UNSUPPORTED,
            409,
            "The host's release has no CIM service",
            "Read its health through the vSphere API.",
        ),
        _facts(
            Reason.CIM_SERVICE_STOPPED,
            409,
            "The host's CIM service is not running",
            "Start the service sfcbd-watchdog on the host.",
        ),
        _facts(
            Reason.CERTIFICATE_MISMATCH,
            502,
            "vCenter and the host disagree on the host's certificate",
            "Tell the broker's admins.",
        ),
        _facts(Reason.RATE_LIMITED, 429, "Too many requests", "Come back after Retry-After seconds."),
        _facts(
            Reason.TOO_MANY_REFUSALS,
            429,
            "Too many refused requests",
            "Find out why the requests are refused, then come back after Retry-After seconds.",
        ),
        _facts(
            Reason.IDEMPOTENCY_RUNNING,
            409,
            "A request with this Idempotency-Key is running",
            "Ask again when it has ended.",
        ),
        _facts(
            Reason.IDEMPOTENCY_MISMATCH,
            422,
            "This Idempotency-Key belongs to another request",
            "Use a new key.",
        ),
        _facts(
            Reason.IDEMPOTENCY_EXHAUSTED, 409, "This Idempotency-Key was used three times", "Use a new key."
        ),
        _facts(Reason.INVENTORY_STALE, 503, "The inventory is not up to date", "Ask again later.", _LATER_S),
        _facts(Reason.VCENTER_UNAVAILABLE, 503, "vCenter could not be reached", "Ask again later.", _LATER_S),
        _facts(
            Reason.VCENTER_BUSY,
            503,
            "vCenter has as much work from us as we allow, or has stalled",
            "Ask again later.",
            _SOON_S,
        ),
        _facts(Reason.VCENTER_FAULT, 502, "vCenter answered with a fault", "Tell the broker's admins."),
        _facts(Reason.VCENTER_TIMEOUT, 504, "vCenter did not answer in time", "Ask again later.", _LATER_S),
        _facts(
            Reason.LOGIN_LATCHED,
            503,
            "Log-ins of the account are stopped",
            "Tell the broker's admins: its password was refused.",
        ),
        _facts(Reason.RECOVERED_ORPHAN, 504, "The attempt was left without an outcome", "Ask again."),
        _facts(Reason.LATE_RESULT, 504, "The attempt was closed before vCenter answered", "Ask again."),
        _facts(Reason.LOG_UNAVAILABLE, 503, "Nothing can be put on record", "Ask again later.", _LATER_S),
        _facts(
            Reason.BROKER_BUSY, 503, "The broker has as much work as it takes", "Ask again later.", _SOON_S
        ),
        _facts(Reason.SHUTTING_DOWN, 503, "This process is shutting down", "Ask again.", _SOON_S),
        _facts(Reason.INTERNAL_ERROR, 500, "The broker failed", "Tell the broker's admins."),
    ]
)


class BrokerError(Exception):
    """Base of all our errors. `str()` of one is safe to show to an operator: it holds no secret."""


class InvalidName(BrokerError):
    """A name or id outside its grammar. Never repeats the text."""

    def __init__(self, kind: str, grammar: str) -> None:
        super().__init__(f"{kind} is not valid: expected {grammar}")
        self.kind = kind
        self.grammar = grammar


class ConfigurationError(BrokerError):
    """A file that an admin wrote is wrong; says where, what and what to do."""

    def __init__(self, file: Path, line: int, key: str, problem: str, advice: str) -> None:
        super().__init__(f"{file}:{line}: {key}: {problem}. {advice}")
        self.file = file
        self.line = line
        self.key = key
        self.problem = problem
        self.advice = advice


class PolicyRefused(BrokerError):
    """The files are in order, and what they say is refused by lint; names each finding."""


class SecretUnavailable(BrokerError):
    """A secret cannot be read; names its reference, never its value."""


class FileRefused(BrokerError):
    """A file that would hold a secret cannot be made; names the file."""


class Refused(BrokerError):
    """No. `reason` is stable; `detail` is for the log, admins and auditors, never for the caller."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


class Limited(Refused):
    """No, not now: come back in `retry_after_s` whole seconds."""

    def __init__(self, reason: Reason, retry_after_s: int, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.retry_after_s = retry_after_s


class MintUnknown(Refused):
    """The ticket call may have reached vCenter and no answer came: a ticket may exist."""


class Trouble(StrEnum):
    """Why nothing can be put on record: each is a code that /readyz shows."""

    STORE_UNAVAILABLE = "store_unavailable"
    STORE_REPLACED = "store_replaced"
    STORE_READ_ONLY = "store_read_only"
    COMMIT_UNKNOWN = "commit_unknown"
    DISK_RESERVE = "disk_reserve"
    LOG_KEY_MISSING = "log_key_missing"
    LOG_ROLLED_BACK = "log_rolled_back"
    HIGH_WATER_UNUSABLE = "high_water_unusable"


class LogUnavailable(Refused):
    """The store did not take a record: what it stands for must not happen."""

    def __init__(self, detail: str, trouble: Trouble = Trouble.STORE_UNAVAILABLE) -> None:
        super().__init__(Reason.LOG_UNAVAILABLE, detail)
        self.trouble = trouble
