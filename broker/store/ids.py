"""Ids that sort by the time they were made and cannot be guessed (UUIDv7, RFC 9562 section 5.7)."""

import secrets
import uuid

from broker.model.names import IssuanceId
from broker.ports.clock import Clock
from broker.store.times import ms

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


def new_id(clock: Clock) -> str:
    """A fresh UUIDv7: 48 bits of milliseconds, 74 random bits from the operating system."""
    at = ms(clock.now()) & (1 << 48) - 1
    value = at << 80 | _VERSION_7 | secrets.randbits(12) << 64 | _VARIANT | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def new_issuance_id(clock: Clock) -> IssuanceId:
    """A fresh id for an issuance, or for the answer to a request that never became one."""
    return IssuanceId(new_id(clock))
