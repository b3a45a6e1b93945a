"""Expressions of Prometheus, taken apart: which metrics and labels they are about."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser as promql

TARGET = frozenset({"job", "instance"})
"""The labels that Prometheus adds to whatever it reads from a target."""


@dataclass(frozen=True)
class Selector:
    """One metric that an expression reads, and what it wants of its labels: name, operator, value."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]


class Query:
    """One expression. Raises ValueError where it is none, or its types do not fit."""

    def __init__(self, text: str) -> None:
        self._tree = promql.parse(text)

    def selectors(self) -> tuple[Selector, ...]:
        """Every metric that is read."""
        return tuple(
            Selector(str(node.name), tuple((m.name, str(m.op), m.value) for m in node.matchers.matchers))
            for node in _nodes(self._tree)
            if isinstance(node, promql.VectorSelector)
        )

    def groupings(self) -> set[str]:
        """Every label that something is grouped or joined by."""
        found: set[str] = set()
        for node in _nodes(self._tree):
            if isinstance(node, promql.AggregateExpr) and node.modifier:
                found.update(node.modifier.labels)
            elif isinstance(node, promql.BinaryExpr) and node.modifier and node.modifier.matching:
                found.update(node.modifier.matching.labels)
        return found

    def results(self) -> set[str] | None:
        """The labels that a result has; None where it has all of the metric's."""
        return _results(self._tree)


def _results(node: Any) -> set[str] | None:
    match node:
        case promql.AggregateExpr():
            return set(node.modifier.labels) if node.modifier else set()
        case promql.BinaryExpr():
            return _results(node.lhs)
        case promql.Call():
            vectors = [argument for argument in node.args if not isinstance(argument, promql.NumberLiteral)]
            inner = _results(vectors[0]) if vectors else set()
            return None if inner is None else inner - {"le"}
        case promql.ParenExpr():
            return _results(node.expr)
        case _:
            return None


def _nodes(tree: Any) -> Iterator[Any]:
    yield tree
    for child in _children(tree):
        yield from _nodes(child)


def _children(node: Any) -> list[Any]:
    match node:
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return [node.expr]
        case promql.BinaryExpr():
            return [node.lhs, node.rhs]
        case promql.Call():
            return list(node.args)
        case promql.MatrixSelector():
            return [node.vector_selector]
        case _:
            return []
