"""Reading one YAML file, strictly: what could mean two things, or nothing here, is an error.

YAML's own events are read rather than its nodes, because nodes no longer show aliases and anchors.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from broker.policy.nodes import Document, Entry, KeyPath, ListNode, MapNode, Node, ScalarNode, key_text
from broker.policy.problems import WHOLE_FILE, Problems
from broker.policy.scalars import Ambiguous, plain_value
from broker.policy.texts import find_unreadable, read_text

MAX_DEPTH = 12

_INDENTATION = ("the indentation does not fit the lines above", "Indent all keys of one mapping alike")

_SYNTAX = {
    "found character": (
        "a character stands here that cannot begin a value",
        "Indent with spaces, and quote texts that begin with a special character",
    ),
    "mapping values are not allowed": (
        "a `:` stands where no key can be",
        "Check the indentation, and quote texts that hold `: `",
    ),
    "could not find expected ':'": ("a key lacks its `:`", "Write `key: value`"),
    "did not find expected key": _INDENTATION,
    "did not find expected '-' indicator": _INDENTATION,
    "found unexpected end of stream": ("a quote is not closed", "Close it"),
    "found unknown escape": ("a backslash begins an escape that does not exist", "Use single quotes"),
    "found invalid Unicode character escape": ("an escape stands for no character", "Remove the escape"),
}
"""How libyaml's messages begin, and what we say instead."""

_PLAIN_ADVICE = (
    "Quote it if it is a text or a date; write numbers in decimal, choices as true or false, "
    "times as 2027-06-30T00:00:00Z"
)


def read_document(file: Path, problems: Problems) -> Document | None:
    """The file's document; None when it is no YAML mapping. What is wrong is noted in `problems`."""
    text = read_text(file, problems)
    if text is None:
        return None
    try:
        root = _Reader(file, problems, _events(text)).document()
    except _Unreadable as unreadable:
        problems.note(file, unreadable.line, unreadable.key, unreadable.problem, unreadable.advice)
        return None
    if isinstance(root, MapNode):
        return Document(file, root)
    problems.note(file, root.line, WHOLE_FILE, "holds no mapping of keys", "Write `key: value` lines")
    return None


@dataclass(slots=True, eq=False)
class _Unreadable(Exception):
    line: int
    key: str
    problem: str
    advice: str


def _events(text: str) -> Iterator[Event]:
    """The events of libyaml's parser; its messages are not passed on, because they quote the text."""
    try:
        yield from yaml.parse(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark, said = getattr(error, "problem_mark", None), getattr(error, "problem", None) or ""
        line = mark.line + 1 if mark else 1
        for begins, (problem, advice) in _SYNTAX.items():
            if said.startswith(begins):
                raise _Unreadable(line, WHOLE_FILE, problem, advice) from None
        raise _Unreadable(
            line, WHOLE_FILE, "the YAML cannot be read from here on", "Check quotes and indentation"
        ) from None


class _Reader:
    """Builds nodes from events. Notes what can be noted and goes on, so that all is told at once."""

    def __init__(self, file: Path, problems: Problems, events: Iterator[Event]) -> None:
        self._file = file
        self._problems = problems
        self._events = events

    def document(self) -> Node:
        """The root of the only document. Raises _Unreadable."""
        next(self._events)  # the stream's start
        start = next(self._events)
        if isinstance(start, StreamEndEvent):
            raise _Unreadable(1, WHOLE_FILE, "is empty", "Write the keys it must hold")
        if isinstance(start, DocumentStartEvent) and (start.version or start.tags):
            self._note(start, (), "a YAML directive is not taken", "Remove the `%` line")
        root = self._node(next(self._events), ())
        next(self._events)  # the document's end
        following = next(self._events)
        if not isinstance(following, StreamEndEvent):
            self._note(following, (), "holds a second YAML document", "Keep one document per file")
        return root

    def _note(self, event: Event, path: KeyPath, problem: str, advice: str) -> None:
        self._problems.note(self._file, _line(event), key_text(path) or WHOLE_FILE, problem, advice)

    def _node(self, event: Event, path: KeyPath) -> Node:
        self._refuse_decoration(event, path)
        if isinstance(event, CollectionStartEvent) and len(path) >= MAX_DEPTH:
            raise _Unreadable(_line(event), key_text(path), "is nested too deeply", "Nothing here needs it")
        if isinstance(event, MappingStartEvent):
            return self._mapping(event, path)
        if isinstance(event, CollectionStartEvent):
            return self._sequence(event, path)
        if isinstance(event, ScalarEvent):
            return ScalarNode(self._value(event, path), _line(event))
        return ScalarNode(None, _line(event))

    def _refuse_decoration(self, event: Event, path: KeyPath) -> None:
        if isinstance(event, AliasEvent):
            self._note(event, path, "is a YAML alias", "Write the value out")
        elif isinstance(event, NodeEvent) and event.anchor is not None:
            self._note(event, path, "carries a YAML anchor", "Remove the `&` name")
        elif isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag is not None:
            self._note(event, path, "carries a YAML tag", "Remove the `!` tag")

    def _sequence(self, start: Event, path: KeyPath) -> ListNode:
        items: list[Node] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return ListNode(tuple(items), _line(start))

    def _mapping(self, start: Event, path: KeyPath) -> MapNode:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._key(event, path)
            node = self._node(next(self._events), (*path, key or ""))
            if key is None:
                continue
            if key in entries:
                problem = f"stands twice; first in line {entries[key].line}"
                self._note(event, (*path, key), problem, "Keep one of them")
            else:
                entries[key] = Entry(_line(event), node)
        return MapNode(entries, _line(start))

    def _key(self, event: Event, path: KeyPath) -> str | None:
        here = (*path, "")
        if not isinstance(event, ScalarEvent):
            self._node(event, here)
            self._note(event, here, "a key must be a text", "Write a plain word")
            return None
        self._refuse_decoration(event, here)
        value = self._value(event, here)
        if isinstance(value, str):
            return value
        self._note(event, here, "a key must be a text", "Quote it")
        return None

    def _value(self, event: ScalarEvent, path: KeyPath) -> str | int | float | bool | None:
        if find_unreadable(event.value) is not None:
            self._note(event, path, "an escape makes an invisible or control character", "Remove it")
            return None
        if not event.implicit[0]:
            return str(event.value)
        try:
            return plain_value(event.value)
        except Ambiguous:
            self._note(event, path, "means different things to different YAML versions", _PLAIN_ADVICE)
            return str(event.value)


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
