"""Times as the store keeps them: whole milliseconds since 1970 in UTC."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def ms(at: datetime) -> int:
    """The millisecond that `at` falls into."""
    since = at - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def ms_up(at: datetime) -> int:
    """The first millisecond that is not before `at`: for ends that must not be under-reported."""
    return -((_EPOCH - at) // _MILLISECOND)


def from_ms(at: int) -> datetime:
    """The aware time of a stored millisecond."""
    return _EPOCH + at * _MILLISECOND


def iso(at: int) -> str:
    """RFC 3339 in UTC with milliseconds, as records carry it."""
    return from_ms(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
