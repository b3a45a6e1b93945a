"""Undoing in reverse order what was done before something failed."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from broker.errors import BrokerError


class UndoStack:
    """Within `with`: whatever was pushed is undone, last first, if the block ends by an exception.

    An undo that fails itself does not stop the others; `left` then says what it was.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[], None]]] = []
        self.left: list[str] = []

    def push(self, what: str, undo: Callable[[], None]) -> None:
        """Before doing something: how to undo it, whether or not it happened."""
        self._steps.append((what, undo))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            return
        for what, undo in reversed(self._steps):
            try:
                undo()
            except BrokerError as failure:
                self.left.append(f"{what}: {failure}")
