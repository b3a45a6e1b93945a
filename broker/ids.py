"""Ids that sort by the time they were made and cannot be guessed (UUIDv7, RFC 9562 section 5.7)."""

import secrets

from broker.model.names import IssuanceId
from broker.ports.clock import Clock

_MILLISECONDS = (1 << 48) - 1
_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


def new_id(clock: Clock) -> str:
    """A fresh UUIDv7: 48 bits of milliseconds, 74 random bits from the operating system."""
    now = clock.now()
    at = int(now.timestamp()) * 1000 + now.microsecond // 1000 & _MILLISECONDS
    value = at << 80 | _VERSION_7 | secrets.randbits(12) << 64 | _VARIANT | secrets.randbits(62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_issuance_id(clock: Clock) -> IssuanceId:
    """A fresh id for an issuance, or for the answer to a request that never became one."""
    return IssuanceId(new_id(clock))
