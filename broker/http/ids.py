"""Ids of answers and issuances."""

import secrets

from broker.model.names import IssuanceId
from broker.ports.clock import Clock


def new_id(clock: Clock) -> IssuanceId:
    """A UUIDv7 (RFC 9562, 5.7): the time in milliseconds, then 74 random bits, so nobody can guess it."""
    milliseconds = int(clock.now().timestamp() * 1000) & (1 << 48) - 1
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    text = f"{value:032x}"
    return IssuanceId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")
