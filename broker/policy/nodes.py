"""A YAML document whose every value still knows its line and the path of keys that leads to it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
Plain: TypeAlias = "str | int | float | bool | tuple[Plain, ...] | dict[str, Plain] | None"

_SHOWABLE_KEY = re.compile(r"[A-Za-z0-9_.-]{1,63}")


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A text, a number, true, false or null."""

    value: str | int | float | bool | None
    line: int


@dataclass(frozen=True, slots=True)
class ListNode:
    """A sequence."""

    items: "tuple[Node, ...]"
    line: int


@dataclass(frozen=True, slots=True)
class MapNode:
    """A mapping whose keys are texts, each once."""

    entries: "Mapping[str, Entry]"
    line: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's value, and the line of the key."""

    line: int
    node: "Node"


Node: TypeAlias = ScalarNode | ListNode | MapNode


@dataclass(frozen=True, slots=True)
class Document:
    """One file as it was written."""

    file: Path
    root: MapNode

    def line_of(self, path: KeyPath) -> int:
        """The line of the key at `path`, or of the nearest thing around it that is there."""
        node: Node = self.root
        line = node.line
        for step in path:
            if isinstance(node, MapNode) and step in node.entries:
                entry = node.entries[str(step)]
                node, line = entry.node, entry.line
            elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
                line = node.line
            else:
                break
        return line

    def nodes(self) -> Iterator[tuple[KeyPath, Node]]:
        """Every value with its path, in the order of the file."""
        yield from _walk((), self.root)


def _walk(path: KeyPath, node: Node) -> Iterator[tuple[KeyPath, Node]]:
    yield path, node
    if isinstance(node, MapNode):
        for key, entry in node.entries.items():
            yield from _walk((*path, key), entry.node)
    elif isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            yield from _walk((*path, index), item)


def plain(node: Node) -> Plain:
    """The value alone: dicts, tuples and scalars."""
    match node:
        case MapNode(entries):
            return {key: plain(entry.node) for key, entry in entries.items()}
        case ListNode(items):
            return tuple(plain(item) for item in items)
        case ScalarNode(value):
            return value


def key_text(path: KeyPath) -> str:
    """A path as people write it: `grants.hardware.scope[0]`.

    A key that does not look like one is not repeated: it may be a secret in the wrong place.
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + showable(step)
    return text


def showable(key: str) -> str:
    """The key itself, if it has the form of one."""
    return key if _SHOWABLE_KEY.fullmatch(key) else "(unreadable key)"
