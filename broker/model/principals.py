"""A vCenter user: the ways in which one account is written, and the one form in which it is compared."""

import re

from broker.errors import InvalidName

_USER = re.compile(
    r"[A-Za-z0-9._$+-]{1,64}@[A-Za-z0-9.-]{1,253}|[A-Za-z0-9.-]{1,253}\\[A-Za-z0-9._$+-]{1,64}"
)


def parse_user(text: str) -> str:
    r"""Give a user back as it is written, `name@domain` or `DOMAIN\name`. Raises InvalidName."""
    if _USER.fullmatch(text) is None:
        raise InvalidName("user", r"user@domain or DOMAIN\user")
    return text


def principal_of(user: str) -> str:
    r"""The account as permissions name it: `DOMAIN\name` for `name@domain`, which one logs in with.

    An account without a domain is local to the vCenter and stays as it is.
    """
    name, domain = _parts(user)
    return f"{domain.upper()}\\{name}" if domain else name


def canonical_user(user: str) -> str:
    r"""The one form in which accounts are compared, `domain\name`: vCenter does not tell case apart.

    Only ASCII letters are folded, so that no other letter is ever taken for one of them.
    """
    return "".join(c.lower() if c.isascii() else c for c in principal_of(user))


def _parts(user: str) -> tuple[str, str]:
    if "\\" in user:
        domain, _, name = user.partition("\\")
        return name, domain
    name, _, domain = user.rpartition("@")
    return (name, domain) if name else (user, "")
