"""`broker serve`: the process that faces the apps."""

from pathlib import Path

import click

from broker.cli.hardening import forbid_core_dumps
from broker.cli.logs import log_level_option, log_to_stderr
from broker.cli.places import config_option
from broker.wiring import server


@click.command("serve")
@config_option
@log_level_option
def command(directory: Path, log_level: str) -> None:
    """Serve monitoring apps over HTTPS. Ends at SIGTERM; SIGHUP reads the policy anew."""
    forbid_core_dumps()
    log_to_stderr(log_level)
    server(directory).run()
