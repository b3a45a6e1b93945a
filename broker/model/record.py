"""Records of the audit log: a closed catalogue of events, one code per outcome.

The code's first letter names the subject, its last whether this is information (I), a warning
(W) or an error or refusal (E). Codes are never reused for another meaning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

JsonScalar = str | int | bool | None
JsonValue = JsonScalar | list[str] | Mapping[str, JsonScalar]


class Event(StrEnum):
    """Every event that may stand in the log."""

    TICKET_INTENT = "T100I"
    TICKET_ISSUED = "T101I"
    TICKET_REFUSED = "T102E"
    TICKET_FAILED = "T103E"
    TICKET_UNKNOWN = "T104W"
    TICKET_LATE_RESULT = "T105W"
    REQUEST_REFUSED = "T110E"
    DRY_RUN_ALLOWED = "T120I"
    NOT_ATTEMPTED = "T130W"

    TOKEN_ISSUED = "A200I"
    TOKEN_REFUSED = "A201E"
    ACCESS_REFUSED = "A202E"
    REFUSALS_SUPPRESSED = "A210W"
    REFUSALS_AGGREGATED = "A211W"

    POLICY_LOADED = "P300I"
    POLICY_RELOADED = "P301I"
    POLICY_REFUSED = "P302E"

    PROCESS_STARTED = "S400I"
    PROCESS_STOPPED = "S401I"

    APP_ADDED = "C500I"
    APP_ROTATED = "C501I"
    APP_DISABLED = "C502I"
    APP_ENABLED = "C503I"
    GRANT_DISABLED = "C510I"
    GRANT_ENABLED = "C511I"
    LOGIN_LATCHED = "C520E"
    LOGIN_RETRY = "C521I"

    ROLE_CREATED = "R600I"
    ROLE_UPDATED = "R601I"
    ROLE_REMOVED = "R602I"
    ROLE_RENAMED = "R603I"
    PERMISSION_SET = "R610I"
    PERMISSION_REMOVED = "R611I"
    GRANT_APPLIED = "R620I"
    GRANT_DRIFTED = "R621W"
    GRANT_HOLDS_AGAIN = "R622I"
    GRANT_WITHDRAWN = "R623I"
    GRANT_ADOPTED = "R624I"
    APPLY_FAILED = "R630E"
    CHANGE_BEGAN = "R631I"
    APPLY_BEGAN = "R640I"
    APPLY_ENDED = "R641I"

    LOG_BEGAN = "L700I"
    LOG_KEY_ADDED = "L701I"
    LOG_KEY_RETIRED = "L702I"
    EPOCH_OPENED = "L710W"
    HIGH_WATER_STARTED = "L711W"
    CLOCK_STEPPED = "L720W"

    AUDIT_EXPORTED = "L730I"
    AUDIT_QUERIED = "L731I"
    AUDIT_FOLLOWED = "L732I"
    AUDIT_VERIFIED = "L740I"
    AUDIT_FOUND_WRONG = "L741E"


@dataclass(frozen=True, slots=True)
class Record:
    """One event and its fields. No secret may be in a field; texts are clipped and cleaned by the log."""

    event: Event
    fields: Mapping[str, JsonValue]
