"""The columns of a record that are derived from its bytes: an index, rebuilt and compared by who verifies."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from broker.store.times import ms


@dataclass(frozen=True, slots=True)
class Columns:
    """What a record is found by. Times are milliseconds since 1970 in UTC."""

    id: str
    code: str
    at: int
    app: str | None
    issuance: str | None
    host: str | None
    vcenter: str | None
    grant_id: str | None
    template: str | None
    reason: str | None
    actor: str | None
    address: str | None
    exposed_from: int | None
    exposed_until: int | None


NAMES = tuple(field.name for field in fields(Columns))


def columns_of(content: Mapping[str, Any]) -> Columns:
    """The columns of a record, from its content as JSON says it.

    Raises KeyError, TypeError or ValueError for what no broker ever wrote.
    """
    said = content["fields"]
    return Columns(
        id=content["id"],
        code=content["code"],
        at=_moment(content["ts"]),
        app=_text(said.get("app")),
        issuance=_text(said.get("issuance")),
        host=_text(said.get("host")),
        vcenter=_text(said.get("vcenter")),
        grant_id=_text(said.get("grant")),
        template=_text(said.get("template")),
        reason=_text(said.get("reason")),
        actor=_text(said.get("by")),
        address=_text(said.get("address")),
        exposed_from=_moment_if_told(said.get("exposure_from")),
        exposed_until=_moment_if_told(said.get("exposure_until")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _moment(text: str) -> int:
    return ms(datetime.fromisoformat(text))


def _moment_if_told(value: object) -> int | None:
    return _moment(value) if isinstance(value, str) else None
