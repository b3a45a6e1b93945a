"""What a room that makes threads wait asks of whoever they belong to."""

from contextlib import AbstractContextManager
from typing import Protocol


class Turns(Protocol):
    """Who is served by which thread, so that everybody has a turn. May be called from any thread."""

    def whose(self) -> str:
        """For whom this thread works; one and the same answer for all that work for nobody."""
        ...

    def aside(self) -> AbstractContextManager[None]:
        """While this thread only waits: others may compute meanwhile for whom it works."""
        ...

    def helping(self, whose: str) -> AbstractContextManager[None]:
        """While this thread, which serves no request itself, does a piece of the work of one of `whose`.

        It begins when others leave it a turn. `whose` keeps serving that request meanwhile.
        """
        ...
