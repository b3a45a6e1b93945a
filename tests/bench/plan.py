"""How a run is made: how often, how long, where."""

from dataclasses import dataclass
from pathlib import Path

import click


@dataclass(frozen=True, slots=True)
class Plan:
    """`root` is a directory that ends with the run."""

    root: Path
    rounds: int
    seconds: float

    def say(self, what: str) -> None:
        """Tell whoever waits how far it is."""
        click.echo(what, err=True)
