"""The first intent of each name of a host, and of each revision of a template under which an app asks.

Two tables note them, so that a report need not read every intent: what they leave out, it does not find.
"""

from collections.abc import Mapping
from typing import Any

from broker.store.moment import First


class Firsts:
    """What the intents of a stretch of the log name, each with the index of the first that does."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, ...], int] = {}

    def take(self, index: int, said: Mapping[str, Any]) -> None:
        """Take the next intent. Raises KeyError for fields that no broker writes."""
        host = said["vcenter"], said["instance_uuid"], said["moid"], said["host"]
        template = said["app"], said["template"], said["template_revision"]
        self._found.setdefault(host, index)
        self._found.setdefault(template, index)

    def merge(self, later: "Firsts") -> None:
        """Take what comes after it."""
        self._found = later._found | self._found  # noqa: SLF001 - of its own kind

    def all(self) -> set[First]:
        """Every one of them."""
        return set(self._found.items())
