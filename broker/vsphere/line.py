"""Those who wait for a place at a vCenter, served each app in turn."""

from threading import Event


class Line:
    """Threads that wait, by the app for which they do, its own in the order of their coming."""

    def __init__(self) -> None:
        self._of: dict[str, list[Event]] = {}

    def __bool__(self) -> bool:
        """Whether anybody waits."""
        return bool(self._of)

    def join(self, whose: str, turn: Event) -> None:
        """Wait for `turn` on behalf of an app."""
        self._of.setdefault(whose, []).append(turn)

    def next(self) -> Event:
        """Whose turn it is, out of the line; the app comes last from now on."""
        whose, turns = next(iter(self._of.items()))
        turn = turns[0]
        self.leave(whose, turn)
        if turns:
            self._of[whose] = self._of.pop(whose)
        return turn

    def leave(self, whose: str, turn: Event) -> None:
        """Wait no longer."""
        turns = self._of[whose]
        turns.remove(turn)
        if not turns:
            del self._of[whose]
