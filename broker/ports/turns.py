"""What a room that makes threads wait asks of whoever they belong to."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol


class Turns(Protocol):
    """Who is served by which thread, so that everybody has a turn. May be called from any thread."""

    def whose(self) -> str:
        """For whom this thread works; one and the same answer for all that work for nobody."""
        ...

    def aside(self) -> AbstractContextManager[None]:
        """While this thread only waits: others may compute meanwhile. Its turn to go on comes at the end."""
        ...

    def helping(self, whose: str) -> AbstractContextManager[None]:
        """While this thread, which serves no request itself, does a piece of the work of one of `whose`.

        It begins at its turn. `whose` keeps serving that request meanwhile.
        """
        ...


@dataclass(frozen=True, slots=True)
class ForNobody:
    """The Turns of threads that all work for the same."""

    def whose(self) -> str:
        """See `Turns.whose`."""
        return ""

    def aside(self) -> AbstractContextManager[None]:
        """See `Turns.aside`."""
        return nullcontext()

    def helping(self, whose: str) -> AbstractContextManager[None]:  # noqa: ARG002 - all are the same
        """See `Turns.helping`."""
        return nullcontext()


FOR_NOBODY: Turns = ForNobody()
