"""One process among all on the store: what it says of itself, and how it learns of a reload."""

from broker.ports.clock import Clock
from broker.ports.operation import Acknowledgement, Processes

REPEAT_S = 5.0
"""How often a process that has nothing new to say says it again: far below what counts as dead."""


class Presence:
    """This process in the list that a reload waits for. One thread uses it. All raise LogUnavailable.

    Make it before the policy is read: what is asked for from then on is not answered by that
    reading. `boot` names the run, `kind` is serve or controller.
    """

    def __init__(self, boot: str, kind: str, processes: Processes, clock: Clock) -> None:
        self.boot = boot
        self.kind = kind
        self._processes = processes
        self._clock = clock
        self._answered = processes.generation()
        self._said: Acknowledgement | None = None
        self._said_at = 0.0

    def announce(self, revision: str) -> None:
        """Say that the process runs, on this revision."""
        self.answer(self._answered, revision, "")

    def asked(self) -> int | None:
        """The generation of a reload that this process has not answered yet."""
        generation = self._processes.generation()
        return None if generation == self._answered else generation

    def answer(self, generation: int, revision: str, error: str) -> None:
        """Say what the process decides on since it dealt with that reload."""
        self._say(Acknowledgement(self.boot, self.kind, generation, revision, error))
        self._answered = generation

    def keep_up(self) -> None:
        """Say again what was said, if that is long ago; a process taken for dead is back by that."""
        if self._said is not None and self._clock.monotonic() - self._said_at >= REPEAT_S:
            self._say(self._said)

    def ask_all(self) -> None:
        """Ask every process to read the policy anew, this one too."""
        self._processes.ask_reload()

    def leave(self) -> None:
        """Leave the list, since the process ends."""
        self._processes.leave(self.boot)

    def _say(self, said: Acknowledgement) -> None:
        self._processes.acknowledge(said)
        self._said, self._said_at = said, self._clock.monotonic()
