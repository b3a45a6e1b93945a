"""What an unquoted YAML scalar means here: only what every YAML version reads alike.

YAML 1.1 reads `no` as false, `010` as eight, `1:30` as ninety and `2027-01-01` as a date; YAML
1.2 reads them as something else. Whoever wrote such a text meant one thing; we do not guess.
"""

import re
from typing import Final

from yaml.nodes import ScalarNode as YamlScalar
from yaml.resolver import Resolver

_RESOLVER: Final = Resolver()
_STR: Final = "tag:yaml.org,2002:str"
_NULLS = frozenset({"", "~", "null"})
_BOOLEANS = {"true": True, "false": False}
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,15}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]{5,15}(?:[Zz]|[+-][0-9]{2}:[0-9]{2})")
_TEXT_IN_1_1_ONLY = re.compile(
    r"[yYnN]|[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+|[-+]?\.[0-9]+[eE][-+]?[0-9]+|[-+]?0[oO][0-7]+"
)


class Ambiguous(Exception):
    """Not a value but a question: a plain scalar that two YAML versions read as two values."""


def plain_value(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar. Raises Ambiguous."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _TIME.fullmatch(text):
        return text
    if _TEXT_IN_1_1_ONLY.fullmatch(text) or _tag_in_1_1(text) != _STR:
        raise Ambiguous
    return text


def _tag_in_1_1(text: str) -> object:
    return _RESOLVER.resolve(YamlScalar, text, (True, False))  # type: ignore[no-untyped-call]
