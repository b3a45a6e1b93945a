"""The configuration reference, read off the models: every key with its type, default and meaning."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from broker.policy.files import AccountEntry, AppEntry, GrantEntry, TemplateFile, VcenterEntry
from broker.policy.grammar import Kind
from broker.policy.settings_files import ControllerFile, ServerFile
from broker.policy.validation import model_in

_MAPPING: Final = "mapping"


@dataclass(frozen=True, slots=True)
class Key:
    """One key that may stand in a file. `default` is "required", or the value in JSON."""

    file: str
    name: str
    type: str
    default: str
    meaning: str


FILES: Final[Mapping[str, tuple[str, type[BaseModel]]]] = MappingProxyType(
    {
        "server.yaml": ("", ServerFile),
        "vcenters.yaml": ("vcenters.<id>.", VcenterEntry),
        "accounts.yaml": ("accounts.<id>.", AccountEntry),
        "apps.yaml": ("apps.<id>.", AppEntry),
        "grants.yaml": ("grants.<id>.", GrantEntry),
        "controller.yaml": ("", ControllerFile),
        "roles/<name>.yaml": ("", TemplateFile),
    }
)
"""Every file, what its keys begin with, and the model of one entry."""


def keys() -> tuple[Key, ...]:
    """Every key of every file, in the order of the models."""
    return tuple(key for file, (prefix, model) in FILES.items() for key in _keys(file, prefix, model))


def _keys(file: str, prefix: str, model: type[BaseModel]) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        yield Key(file, prefix + name, _type_of(field), _default(field), field.description or "")
        below = model_in(field.annotation)
        if below is not None and _type_of(field).endswith(_MAPPING):
            yield from _keys(file, f"{prefix}{name}{_step(field.annotation)}", below)


def _step(annotation: object) -> str:
    origin = get_origin(annotation)
    if origin is tuple:
        return "[]."
    return ".<id>." if origin is dict else "."


def _type_of(field: FieldInfo) -> str:
    return _type(field.annotation, field.metadata) + _bounds(field.metadata)


def _kind(annotation: object, metadata: list[Any]) -> str | None:
    return next((mark.name for mark in metadata if isinstance(mark, Kind)), None) or _kind_within(annotation)


def _kind_within(annotation: object) -> str | None:
    if get_origin(annotation) is Annotated:
        _, *metadata = get_args(annotation)
        return _kind(None, metadata)
    if get_origin(annotation) in (Union, UnionType):
        return next((kind for kind in map(_kind_within, get_args(annotation)) if kind), None)
    return None


_PLAIN: Final = MappingProxyType(
    {int: "whole number", float: "number", str: "text", bool: "`true` or `false`"}
)


def _type(annotation: Any, metadata: list[Any]) -> str:  # noqa: ANN401  # whatever a field is declared as
    kind = _kind(annotation, metadata)
    if kind is not None:
        return kind
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0], [])}"
    if origin in (Union, UnionType):
        return _type(next(each for each in arguments if each is not NoneType), [])
    return _PLAIN.get(annotation, _MAPPING)


def _bounds(metadata: list[Any]) -> str:
    words = []
    for mark in metadata:
        if isinstance(mark, Ge):
            words.append(f"from {mark.ge}")
        elif isinstance(mark, Gt):
            words.append(f"above {mark.gt}")
        elif isinstance(mark, Le):
            words.append(f"to {mark.le}")
    return f", {' '.join(words)}" if words else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.default
    return json.dumps(default.model_dump() if isinstance(default, BaseModel) else default)
