"""`broker reload`: every process reads the policy anew, and this command waits until they do."""

import time
from collections.abc import Sequence
from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.output import fail, format_option
from broker.cli.places import StorePlace, config_option, opened_store, store_option
from broker.console import Format, show
from broker.ports.operation import Acknowledgement
from broker.store.processes import StoredProcesses

_SHOWN = 16
"""Of a revision in a table: enough to tell two apart, and to find it in the log."""

_LOOK_EVERY_S = 0.1


@click.command("reload")
@config_option
@store_option
@click.option("--timeout", default=30.0, show_default=True, help="Seconds to wait for every process.")
@format_option
def command(directory: Path, store: StorePlace, timeout: float, output_format: str) -> None:
    """Read the policy anew in every process, without a restart.

    Returns when every running process decides on the new revision. A process that finds the
    files wrong keeps its old policy, puts that on record, and makes this command exit with 3.
    """
    with opened_store(directory, store) as database:
        answers = _wait(StoredProcesses(database), timeout)
    if not answers:
        fail("no process of the broker runs on this store")
    _show(output_format, answers)
    if errors := list(dict.fromkeys(a.error for a in answers if a.error)):
        fail("\n".join(["a process kept its old policy", *errors]), Exit.CONFIGURATION)
    if len({a.revision for a in answers}) > 1:
        fail("processes decide on different revisions: the files changed meanwhile, reload again")


def _show(output_format: str, answers: Sequence[Acknowledgement]) -> None:
    """Errors have many lines and no place in a table; they are told below it."""
    if output_format == Format.JSON:
        columns = ("kind", "boot", "revision", "error")
        show(output_format, columns, [(a.kind, a.boot, a.revision, a.error) for a in answers])
    else:
        rows = [(a.kind, a.boot, a.revision[:_SHOWN]) for a in answers]
        show(output_format, ("kind", "boot", "revision"), rows)


def _wait(processes: StoredProcesses, timeout: float) -> tuple[Acknowledgement, ...]:
    generation = processes.ask_reload()
    deadline = time.monotonic() + timeout
    while True:
        answers, missing = processes.answers(generation)
        if not missing:
            return answers
        if time.monotonic() > deadline:
            fail(f"{missing} process(es) have not answered within {timeout:.0f} s")
        time.sleep(_LOOK_EVERY_S)
