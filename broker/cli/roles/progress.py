"""What a long apply says meanwhile, on standard error."""

import time

import click

from broker.cli.roles.showing import step_line
from broker.controller.planning.plan import Step
from broker.texts import printable

_EVERY_S = 5.0


class Onlooker:
    """Told of every step, says every few seconds which one it is: a short apply says nothing."""

    def __init__(self) -> None:
        self._said = time.monotonic()
        self._steps = 0

    def __call__(self, step: Step) -> None:
        """The step begins."""
        self._steps += 1
        if time.monotonic() - self._said >= _EVERY_S:
            self._said = time.monotonic()
            click.echo(printable(f"... step {self._steps}: {step_line(step)}"), err=True)
