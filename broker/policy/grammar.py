"""The closed grammars of what stands in the files, as types for the models.

Each refuses with words for an admin and never repeats the value: it may be a secret in the
wrong place.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, NoReturn, TypeVar

from pydantic import AfterValidator, BeforeValidator, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from broker.errors import InvalidName
from broker.model.names import ID, parse_host_name, parse_id
from broker.model.principals import parse_user
from broker.policy.decide import SYSTEM_PRIVILEGES
from broker.policy.paths import canonical_path

REFUSED = "refused"
"""The pydantic error type that carries our own words."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How the configuration reference calls a type."""

    name: str


@dataclass(frozen=True, slots=True)
class Checked(AfterValidator):
    """A check of a value, and what a JSON Schema can say of it: `keywords`."""

    keywords: tuple[tuple[str, str | int | bool], ...]

    def __get_pydantic_json_schema__(  # pydantic's hook
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """What the value's type says, and the keywords."""
        return {**handler(core), **dict(self.keywords)}


def _pattern(pattern: re.Pattern[str]) -> tuple[tuple[str, str], ...]:
    """`fullmatch` of the pattern, as a keyword: JSON Schema's patterns match anywhere."""
    return (("pattern", f"^(?:{pattern.pattern})$"),)


def distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list in which a value stands twice, in whatever case."""
    if len({value.casefold() for value in values}) != len(values):
        refuse("names something twice", "Keep one of them")
    return values


_Items = TypeVar("_Items", bound=tuple[object, ...])


def filled(values: _Items) -> _Items:
    """Refuse an empty list. pydantic's own bound also speaks up where an item does not fit."""
    if not values:
        refuse("is an empty list", "Name at least one")
    return values


DISTINCT = Checked(distinct, (("uniqueItems", True),))
FILLED = Checked(filled, (("minItems", 1),))


def refuse(problem: str, advice: str) -> NoReturn:
    """Refuse a value inside a validator."""
    raise PydanticCustomError(REFUSED, "{problem}", {"problem": problem, "advice": advice})


def _matching(grammar: str, problem: str, advice: str) -> Callable[[str], str]:
    pattern = re.compile(grammar)

    def check(text: str) -> str:
        if pattern.fullmatch(text) is None:
            refuse(problem, advice)
        return text

    return check


def _id(text: str) -> str:
    try:
        return parse_id(text, "id")
    except InvalidName as error:
        refuse("is not an id", f"Use {error.grammar}")


def _host(text: str) -> str:
    try:
        return parse_host_name(text)
    except InvalidName as error:
        refuse("is not a host", f"Use {error.grammar}")


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        refuse("is not an IP address", "Write one, such as 127.0.0.1 or ::1")


_MAX_TEXT = 500


def _text(text: str) -> str:
    joined = " ".join(text.split())
    if not joined:
        refuse("is empty", "Write a sentence for whoever reads this in a year")
    if len(joined) > _MAX_TEXT:
        refuse(f"is longer than {_MAX_TEXT} characters", "Shorten it")
    return joined


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def _time(value: object) -> object:
    if not isinstance(value, str) or _TIME.fullmatch(value) is None:
        refuse(
            "is not a time with an offset",
            "Write it in ISO 8601 as 2027-06-30T00:00:00Z or 2027-06-30T00:00:00+02:00",
        )
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        refuse("is a time that does not exist", "Check month, day, hour and offset")


_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _date(value: object) -> object:
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        refuse("is not a date", 'Write it in quotes as "2027-06-30"')
    try:
        return date.fromisoformat(value)
    except ValueError:
        refuse("is a day that does not exist", "Check month and day")


def file_path(text: str) -> str:
    """The path of a file or folder as it may be written; whether it is there is another question."""
    if not text or text.startswith("~") or "$" in text or "\n" in text:
        refuse("is not a path", "Write it absolute, or relative to the folder of this file, without ~ and $")
    return text


def _privilege(text: str) -> str:
    if _PRIVILEGE.fullmatch(text) is None:
        refuse("is not a privilege id", "Write it as vCenter's API does, such as Host.Cim.CimInteraction")
    if text.casefold().startswith("system."):
        refuse("is superfluous: every role holds the System privileges", "Remove it")
    return text


def _template_privilege(text: str) -> str:
    return text if text in SYSTEM_PRIVILEGES else _privilege(text)


_PRIVILEGE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}(?:\.[A-Za-z0-9_-]{1,64}){1,7}")


def _path(text: str) -> str:
    try:
        return canonical_path(text)
    except InvalidName as error:
        refuse("is not an inventory path", f"Write {error.grammar}")


def _user(text: str) -> str:
    try:
        return parse_user(text)
    except InvalidName as error:
        refuse("is not a user with its domain", f"Write {error.grammar}")


Id = Annotated[str, Checked(_id, _pattern(ID)), Kind("id")]
Address = Annotated[str, AfterValidator(_address), Kind("IP address")]
Host = Annotated[str, AfterValidator(_host), Kind("DNS name or IP address")]
Text = Annotated[str, Checked(_text, (("pattern", r"\S"), ("maxLength", _MAX_TEXT))), Kind("text")]
Time = Annotated[datetime, BeforeValidator(_time), Kind("ISO 8601 time with offset")]
Date = Annotated[date, BeforeValidator(_date), Kind("date in quotes")]
FilePath = Annotated[str, AfterValidator(file_path), Kind("path")]
Privilege = Annotated[str, Checked(_privilege, _pattern(_PRIVILEGE)), Kind("privilege id")]
TemplatePrivilege = Annotated[str, Checked(_template_privilege, _pattern(_PRIVILEGE)), Kind("privilege id")]
User = Annotated[str, AfterValidator(_user), Kind("user@domain")]
InventoryPath = Annotated[str, AfterValidator(_path), Kind("inventory path")]

KeyId = Annotated[
    str,
    AfterValidator(
        _matching(
            r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
            "is not a key id",
            "Use letters, digits and . _ -, 1 to 64 characters",
        )
    ),
    Kind("key id"),
]
_RULE = re.compile(r"BR[0-9]{3}")
RuleId = Annotated[
    str,
    Checked(
        _matching(_RULE.pattern, "is not the id of a rule", "Write it as docs/lint.md does, such as BR001"),
        _pattern(_RULE),
    ),
    Kind("id of a rule"),
]
Issuer = Annotated[
    str,
    AfterValidator(
        _matching(
            r"https://(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[1-9][0-9]{0,4})?"
            r"(?:/[A-Za-z0-9._~-]+)*",
            "is not a base URL",
            "Write https://, a lower-case name, a port and path if needed, and no slash at the end",
        )
    ),
    Kind("https URL"),
]
RolePrefix = Annotated[
    str,
    AfterValidator(
        _matching(
            r"[a-z0-9][a-z0-9-]{0,31}",
            "is not a prefix for role names",
            "Use lower-case letters, digits and hyphens, 1 to 32 characters",
        )
    ),
    Kind("prefix"),
]
CredentialName = Annotated[
    str,
    AfterValidator(
        _matching(
            r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}",
            "is not the name of a systemd credential",
            "Use letters, digits and . _ -, and no slash",
        )
    ),
    Kind("name of a systemd credential"),
]
VariableName = Annotated[
    str,
    AfterValidator(
        _matching(
            r"[A-Z_][A-Z0-9_]{0,127}",
            "is not the name of an environment variable",
            "Use upper-case letters, digits and _",
        )
    ),
    Kind("name of an environment variable"),
]
