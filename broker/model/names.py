"""Names and ids, each with the closed grammar that it must match before any look-up.

Everything is matched with `fullmatch` (Python's `$` accepts a trailing newline) and comes
back in the one canonical form in which it is compared.
"""

import ipaddress
import re
from functools import lru_cache
from typing import NewType

from broker.errors import InvalidName

AppId = NewType("AppId", str)
AccountId = NewType("AccountId", str)
TemplateId = NewType("TemplateId", str)
GrantId = NewType("GrantId", str)
VcenterId = NewType("VcenterId", str)
HostName = NewType("HostName", str)
Moid = NewType("Moid", str)
IssuanceId = NewType("IssuanceId", str)
IdempotencyKey = NewType("IdempotencyKey", str)

ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_DNS_NAME = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?)*"
)
_MOID = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,79}")
_ISSUANCE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9._~:-]{1,128}")


def parse_id(text: str, kind: str) -> str:
    """Give `text` back if it is an id of ours: lower case letters, digits and inner hyphens.

    Raises InvalidName, which names the kind and never repeats the text.
    """
    if ID.fullmatch(text) is None:
        raise InvalidName(kind, "lower-case letters, digits and inner hyphens, 1 to 63 characters")
    return text


@lru_cache(maxsize=8192)
def parse_host_name(text: str) -> HostName:
    """Give the canonical form of a DNS name, IPv4 or IPv6 address.

    A DNS name is lowered and loses one trailing dot; an address is compressed. Only ASCII
    is a name here, so look-alike letters are refused rather than mapped. Raises InvalidName.
    """
    if not text.isascii():
        raise InvalidName("host", "an ASCII DNS name or an IP address")
    bare = text.lower().removesuffix(".")
    if re.fullmatch(r"[0-9a-f:.]*:[0-9a-f:.]*|[0-9.]+", bare):
        try:
            return HostName(str(ipaddress.ip_address(bare)))
        except ValueError:
            raise InvalidName("host", "an ASCII DNS name or an IP address") from None
    if _DNS_NAME.fullmatch(bare) is None:
        raise InvalidName("host", "an ASCII DNS name or an IP address")
    return HostName(bare)


def parse_moid(text: str) -> Moid:
    """Give a managed object id back if it has the form that vCenter gives. Raises InvalidName."""
    if _MOID.fullmatch(text) is None:
        raise InvalidName("moid", "a managed object id such as host-42")
    return Moid(text)


def parse_issuance_id(text: str) -> IssuanceId:
    """Give an issuance id (a lower-case UUIDv7) back. Raises InvalidName."""
    if _ISSUANCE.fullmatch(text) is None:
        raise InvalidName("issuance", "an id that this broker gave")
    return IssuanceId(text)


def parse_idempotency_key(text: str) -> IdempotencyKey:
    """Give an Idempotency-Key back. Raises InvalidName."""
    if _IDEMPOTENCY_KEY.fullmatch(text) is None:
        raise InvalidName("Idempotency-Key", "1 to 128 of letters, digits and . _ ~ : -")
    return IdempotencyKey(text)
