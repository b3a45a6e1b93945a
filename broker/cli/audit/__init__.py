"""`broker audit`: the log, for those who keep it and those who check it."""

import click

from broker.cli.lazy import LazyGroup

_COMMANDS = {
    "export": "broker.cli.audit.export",
    "keys": "broker.cli.audit.keys",
    "verify": "broker.cli.audit.verify",
}


@click.group("audit", cls=LazyGroup, modules=_COMMANDS)
def command() -> None:
    """Keep and check the audit log."""
