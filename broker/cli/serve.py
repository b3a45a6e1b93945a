"""`broker serve`: the process that faces the apps."""

from pathlib import Path

import click

from broker.cli.hardening import forbid_core_dumps
from broker.cli.logs import begin_log, log_format_option, log_level_option
from broker.cli.memory import share_arenas
from broker.cli.places import config_option
from broker.wiring import server


@click.command("serve")
@config_option
@log_level_option
@log_format_option
def command(directory: Path, log_level: str, log_format: str) -> None:
    """Serve monitoring apps over HTTPS. Ends at SIGTERM.

    SIGHUP reads the policy anew; SIGUSR2 restarts the workers one after the other.
    """
    forbid_core_dumps()
    share_arenas()
    begin_log(log_level, log_format)
    server(directory).run()
