"""A plan as JSON, and whether a saved one still says what would be done."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from broker.controller.planning.observed import differences
from broker.controller.planning.plan import Asked, Plan
from broker.errors import BrokerError
from broker.model.names import GrantId

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"

SCHEMA = 1
LARGEST = 256 << 20
"""Bytes of a saved plan: one of 2,000 grants is some 5 MB."""
_SHOWN = 50


class PlanUnusable(BrokerError):
    """A file that is no plan of ours, or not as it was saved."""


class PlanOutdated(BrokerError):
    """vCenter, the store or the policy moved on since the plan was made; says what."""


def content_of(plan: Plan) -> dict[str, Json]:
    """All that a plan says, as JSON can say it: equal plans, equal contents."""
    content = _plain(plan)
    assert isinstance(content, dict)  # noqa: S101 - a dataclass
    return content


def digest_of_plan(plan: Plan) -> str:
    """SHA-256 over the content: what records call the plan by."""
    return _digest(content_of(plan))


def saved(plan: Plan, by: str, at: datetime) -> bytes:
    """The file that `apply` takes: what the plan says, and a digest that shows a change of it."""
    content = content_of(plan)
    document: dict[str, Json] = {
        "schema": SCHEMA,
        "planned_by": by,
        "planned_at": at.isoformat(timespec="seconds"),
        "digest": _digest(content),
        "plan": content,
    }
    return json.dumps(document, indent=1, ensure_ascii=True).encode() + b"\n"


class SavedPlan:
    """A plan that was saved. Nothing of it is ever carried out: it is only held against a new one."""

    def __init__(self, octets: bytes) -> None:
        """Raises PlanUnusable."""
        try:
            document = json.loads(octets)
            content = document["plan"]
            sound = (document["schema"], document["digest"]) == (SCHEMA, _digest(content))
            asked = content["asked"]
            self.asked = Asked(
                prune=asked["prune"] is True, follow=frozenset(GrantId(str(each)) for each in asked["follow"])
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            raise PlanUnusable("this file is no plan; make one: broker roles plan --out FILE") from None
        if not sound:
            raise PlanUnusable("this plan was changed since it was made, or by another release; plan again")
        self._content: Mapping[str, Json] = content

    def check(self, plan: Plan) -> None:
        """Whether `plan`, made now, is the very same. Raises PlanOutdated, saying what moved on."""
        content = content_of(plan)
        if content == self._content:
            return
        moved = list(_moved(self._content, content)) or ["what would be done is not what was planned"]
        more = [f"and {len(moved) - _SHOWN} more"] if len(moved) > _SHOWN else []
        raise PlanOutdated("\n".join(["this plan is outdated; plan again", *moved[:_SHOWN], *more]))


def _moved(before: Mapping[str, Json], now: Mapping[str, Json]) -> Iterator[str]:
    """`before` is from a file: of it nothing is known but its digest, which anybody can make."""
    if before.get("policy_revision") != now["policy_revision"]:
        was_of = before.get("policy_revision")
        yield f"the policy: revision {was_of} when planned, {now['policy_revision']} now"
    earlier = {str(each.get("vcenter")): each for each in _dicts(before.get("vcenters"))}
    for each in _dicts(now["vcenters"]):
        was = earlier.get(str(each["vcenter"]), {})
        for said in differences(_texts(was.get("observed")), _texts(each["observed"])):
            yield f"{each['vcenter']}: {said}"
        for what in ("problems", "steps"):
            then, there = _written(was.get(what)), _written(each[what])
            if then != there:
                count = len(then - there)
                yield f"{each['vcenter']}: {count} {what} planned then, {len(there - then)} others now"


def _written(value: Json) -> set[str]:
    return {json.dumps(each, sort_keys=True) for each in _dicts(value)}


def _dicts(value: Json) -> list[dict[str, Json]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _texts(value: Json) -> dict[str, str]:
    return {key: str(each) for key, each in value.items()} if isinstance(value, dict) else {}


def _digest(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> Json:
    match value:
        case Enum():
            return str(value.value)
        case None | str() | int() | bool():
            return value
        case frozenset():
            return [_plain(each) for each in sorted(value)]
        case tuple():
            return [_plain(each) for each in value]
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case _ if is_dataclass(value):
            kind: dict[str, Json] = {"step": type(value).__name__} if hasattr(value, "action") else {}
            return {**kind, **{f.name: _plain(getattr(value, f.name)) for f in fields(value)}}
    raise TypeError(type(value).__name__)
