"""`broker audit`: the log, for those who keep it and those who check it."""

import click

from broker.cli.lazy import LazyGroup

_COMMANDS = {
    "epoch": "broker.cli.audit.epoch",
    "export": "broker.cli.audit.export",
    "find-ticket": "broker.cli.audit.find_ticket",
    "keys": "broker.cli.audit.keys",
    "list": "broker.cli.audit.listing",
    "report": "broker.cli.audit.report",
    "show": "broker.cli.audit.show",
    "tail": "broker.cli.audit.tail",
    "verify": "broker.cli.audit.verify",
}


@click.group("audit", cls=LazyGroup, modules=_COMMANDS)
def command() -> None:
    """Keep and check the audit log."""
