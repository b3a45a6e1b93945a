"""`broker controller`: the process that holds the privileged credential. It has no listener."""

from pathlib import Path

import click

from broker.cli.hardening import forbid_core_dumps
from broker.cli.logs import log_level_option, log_to_stderr
from broker.cli.places import controller_option
from broker.controller.assembly import run_from
from broker.controller.process import block_signals


@click.command("controller")
@controller_option
@log_level_option
def command(file: Path, log_level: str) -> None:
    """Look on a schedule whether what was applied still holds. Ends at SIGTERM."""
    forbid_core_dumps()
    log_to_stderr(log_level)
    run_from(file, block_signals())
