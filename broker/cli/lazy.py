"""A group whose commands are modules that are imported when they run."""

import importlib
from collections.abc import Mapping

import click

from broker.cli.garbage import staying
from broker.cli.output import ExplainingGroup


class LazyGroup(ExplainingGroup):
    """Imports a command's module only when that command runs: the lab's tools may be absent.

    `modules` are the commands' modules by name; each has the command as `command`.
    """

    def __init__(self, name: str | None = None, *, modules: Mapping[str, str], **attributes: object) -> None:
        super().__init__(name, **attributes)  # type: ignore[arg-type]  # click's own, handed through
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All commands, sorted."""
        return sorted(self._modules)

    def get_command(  # the module is looked up in a dict, never by its name
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """The command of that name, or None."""
        module = self._modules.get(cmd_name)
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
