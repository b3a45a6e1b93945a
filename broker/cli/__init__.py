"""The `broker` command. Each sub-command is a file here; what it needs is imported when it runs."""

import importlib
import sys

import click

from broker import __version__
from broker.cli.garbage import staying
from broker.cli.output import ExplainingGroup

_COMMANDS = {
    "accounts": "broker.cli.accounts",
    "apps": "broker.cli.apps",
    "config": "broker.cli.config",
    "controller": "broker.cli.controller",
    "demo": "broker.cli.demo",
    "grants": "broker.cli.grants",
    "keys": "broker.cli.keys",
    "lab": "broker.cli.lab",
    "reload": "broker.cli.reload",
    "roles": "broker.cli.roles",
    "serve": "broker.cli.serve",
    "ticket": "broker.cli.ticket",
    "tickets": "broker.cli.tickets",
}


class LazyGroup(ExplainingGroup):
    """Imports a command's module only when that command runs: the lab's tools may be absent."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All commands, sorted."""
        return sorted(_COMMANDS)

    def get_command(  # the module is looked up in a dict, never by its name
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """The command of that name, or None."""
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        try:
            with staying():
                command = importlib.import_module(module).command
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"`broker {cmd_name}` is not part of this installation: {error.name} is missing. "
                "Install the extra [lab]: pip install 'cim-ticket-broker[lab]'"
            ) from None
        if not isinstance(command, click.Command):
            raise TypeError(module)
        return command


@click.group("broker", cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="broker")
def main() -> None:
    """Least-privilege roles and two-minute CIM tickets for vSphere.

    Exit codes: 0 done, 1 failed, 2 usage, 3 configuration, 4 refused, 5 vCenter, 6 conflict.
    """


if __name__ == "__main__":
    sys.exit(main())
