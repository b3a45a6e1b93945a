"""Findings about the way to a vCenter: TLS, log-in, clock, sessions. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from broker.doctor.catalogue import Check
from broker.doctor.finding import Finding
from broker.model.names import VcenterId
from broker.ports.inspection import Greeting, Handshake

SOON = timedelta(days=30)
MOST_SKEW_S = 5.0
TYPICAL_SESSIONS = 3000
"""As many sessions as vCenter 8.0 U3 typically takes (Broadcom knowledge base, 437427); no API tells it."""

_FULL_AT = 0.8

_BROKEN = {
    Handshake.UNREACHABLE: Check.UNREACHABLE,
    Handshake.UNTRUSTED: Check.UNTRUSTED,
    Handshake.OTHER_NAME: Check.OTHER_NAME,
    Handshake.OUTSIDE_VALIDITY: Check.OUTSIDE_VALIDITY,
}


def of_greeting(vcenter: VcenterId, greeting: Greeting, now: datetime) -> Iterator[Finding]:
    """What TLS shows."""
    if (broken := _BROKEN.get(greeting.handshake)) is not None:
        yield _about(broken, vcenter, greeting.detail)
    elif greeting.not_after is not None and greeting.not_after - now < SOON:
        ends = greeting.not_after.isoformat()
        yield Finding(Check.ENDS_SOON, vcenter, "vcenter", f"it ends at {ends}", {"not_after": ends})


def of_clock(vcenter: VcenterId, theirs: datetime, before: datetime, after: datetime) -> Iterator[Finding]:
    """Their time against ours, `before` and `after` it was asked for."""
    ours = min(max(theirs, before), after)
    ahead_s = (theirs - ours).total_seconds()
    if abs(ahead_s) > MOST_SKEW_S:
        side = "ahead of" if ahead_s > 0 else "behind"
        text = f"vCenter's clock is {abs(ahead_s):.0f} s {side} ours"
        yield Finding(Check.CLOCK, vcenter, "vcenter", text, {"ahead_ms": round(ahead_s * 1000)})


def of_sessions(vcenter: VcenterId, users: Sequence[str] | None, most: int) -> Iterator[Finding]:
    """How many of the sessions are taken; None where the account may not see them."""
    if users is None:
        yield _about(Check.SESSIONS_UNKNOWN, vcenter, "the controller's account may not read the sessions")
    elif len(users) >= most * _FULL_AT:
        first = ", ".join(f"{user} {count}" for user, count in Counter(users).most_common(3))
        text = f"{len(users)} of some {most} sessions are taken; most by {first}"
        yield Finding(Check.SESSIONS_FULL, vcenter, "vcenter", text, {"sessions": len(users)})


def _about(check: Check, vcenter: VcenterId, text: str) -> Finding:
    return Finding(check, vcenter, "vcenter", text)
