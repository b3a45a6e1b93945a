"""One account, the two ways in which vCenter writes it, and the one form in which it is compared."""


def principal_of(user: str) -> str:
    r"""The account as permissions name it: `DOMAIN\name` for `name@domain`, which one logs in with.

    An account without a domain is local to the vCenter and stays as it is.
    """
    name, domain = _parts(user)
    return f"{domain.upper()}\\{name}" if domain else name


def canonical(principal: str) -> str:
    """The one form in which accounts are compared: vCenter's identity sources do not tell case apart.

    Only ASCII letters are folded, so that no other letter is ever taken for one of them.
    """
    return "".join(c.lower() if c.isascii() else c for c in principal_of(principal))


def _parts(user: str) -> tuple[str, str]:
    if "\\" in user:
        domain, _, name = user.partition("\\")
        return name, domain
    name, _, domain = user.rpartition("@")
    return (name, domain) if name else (user, "")
