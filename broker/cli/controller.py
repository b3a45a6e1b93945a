"""`broker controller`: the process that holds the privileged credential. It has no listener."""

from pathlib import Path

import click

from broker.cli.hardening import forbid_core_dumps
from broker.cli.logs import begin_log, log_format_option, log_level_option
from broker.cli.places import controller_option
from broker.controller.assembly import run_from
from broker.controller.process import block_signals


@click.command("controller")
@controller_option
@log_level_option
@log_format_option
def command(file: Path, log_level: str, log_format: str) -> None:
    """Look on a schedule whether what was applied still holds. Ends at SIGTERM."""
    forbid_core_dumps()
    begin_log(log_level, log_format)
    run_from(file, block_signals())
