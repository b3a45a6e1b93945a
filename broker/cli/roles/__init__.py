"""`broker roles`: templates and grants, and what becomes of them in vCenter. A module for each command."""

import click

from broker.cli.lazy import LazyGroup

_COMMANDS = {
    "adopt": "broker.cli.roles.adopt",
    "drift": "broker.cli.roles.drift",
    "restore": "broker.cli.roles.restore",
    "apply": "broker.cli.roles.apply",
    "explain": "broker.cli.roles.explain",
    "lint": "broker.cli.roles.lint",
    "plan": "broker.cli.roles.plan",
    "schema": "broker.cli.roles.schema",
}


@click.group("roles", cls=LazyGroup, modules=_COMMANDS)
def command() -> None:
    """Make vCenter's roles and permissions those of the policy."""
