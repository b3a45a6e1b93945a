"""Holding a document against a model; what pydantic finds comes back as file, line, key and advice."""

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from broker.policy.grammar import REFUSED
from broker.policy.nodes import Document, KeyPath, Node, key_text, plain
from broker.policy.problems import WHOLE_FILE, Problems

_Model = TypeVar("_Model", bound=BaseModel)

_TYPES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "string_type": ("is not a text", "Write a text, in quotes if it looks like a number"),
        "int_type": ("is not a whole number", "Write a whole number without quotes"),
        "float_type": ("is not a number", "Write a number without quotes"),
        "tuple_type": ("is not a list", "Write [a, b], or one `- ` line for each"),
        "dict_type": ("is not a mapping of keys", "Write `key: value` lines below it"),
        "model_type": ("is not a mapping of keys", "Write `key: value` lines below it"),
    }
)


def validated(
    document: Document, path: KeyPath, node: Node, model: type[_Model], problems: Problems
) -> _Model | None:
    """The value at `path` as `model`; None where it does not fit, and why in `problems`."""
    try:
        return model.model_validate(plain(node))
    except ValidationError as error:
        for details in error.errors(include_url=False, include_input=False):
            _note(document, path, details, model, problems)
        return None


def _note(
    document: Document, path: KeyPath, details: ErrorDetails, model: type[BaseModel], problems: Problems
) -> None:
    # pydantic ends the location of a bad key of a mapping with "[key]"
    location = tuple(step for step in details["loc"] if step != "[key]")
    where = (*path, *location)
    problem, advice = _words(details, location, model)
    problems.note(document.file, document.line_of(where), key_text(where) or WHOLE_FILE, problem, advice)


def _words(details: ErrorDetails, location: KeyPath, model: type[BaseModel]) -> tuple[str, str]:
    context: dict[str, Any] = details.get("ctx", {})
    match details["type"]:
        case kind if kind == REFUSED:
            return str(context["problem"]), str(context["advice"])
        case "missing":
            return "is missing", "Add it; docs/configuration.md says what it means"
        case "extra_forbidden":
            return "is not a known key", unknown_key_advice(str(location[-1]), _known(location, model))
        case "literal_error":
            return "is not one of the known values", f"Write {context['expected']}"
        case kind if kind in _TYPES:
            return _TYPES[kind]
        case _:
            return "is out of range", details["msg"].replace("Input should", "It should")


def unknown_key_advice(key: str, known: tuple[str, ...]) -> str:
    """Name the key that was probably meant, or all that there are."""
    close = get_close_matches(key, known, n=1)
    if close:
        return f"Did you mean `{close[0]}`?"
    return "Remove it; known here: " + ", ".join(sorted(known))


def _known(location: KeyPath, model: type[BaseModel]) -> tuple[str, ...]:
    """The keys beside the one at `location`, found by following the models."""
    here: type[BaseModel] | None = model
    for step in location[:-1]:
        if isinstance(step, int) or here is None:
            continue
        field = here.model_fields.get(step)
        here = model_in(field.annotation) if field else here
    return tuple(here.model_fields) if here else ()


def model_in(annotation: object) -> type[BaseModel] | None:
    """The model that a field's type holds, alone, in a list, as a mapping's value or optionally."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (model_in(argument) for argument in getattr(annotation, "__args__", ()))
    return next((model for model in found if model), None)
