"""What a log is called: its first name in its first epoch, that name and `/eN` in each further one."""

import re

from broker.errors import SecretUnavailable

_EPOCH = re.compile(r"/e([1-9][0-9]{0,8})")


def base_of(origin: str) -> str:
    """The log's first name."""
    return origin[: _begin(origin)]


def epoch_of(origin: str) -> int:
    """Which epoch has that name."""
    ending = _EPOCH.fullmatch(origin[_begin(origin) :])
    return int(ending[1]) if ending else 1


def of_epoch(origin: str, epoch: int) -> str:
    """The name of the same log in that epoch, of 2 or more."""
    return f"{base_of(origin)}/e{epoch}"


def check_first(origin: str) -> None:
    """Raises SecretUnavailable for a name that a further epoch of another log could have."""
    if base_of(origin) != origin:
        raise SecretUnavailable(f"{origin} is what a further epoch of a log is called: choose another ending")


def _begin(origin: str) -> int:
    at = origin.rfind("/e")
    return at if at >= 0 and _EPOCH.fullmatch(origin[at:]) else len(origin)
