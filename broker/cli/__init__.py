"""The `broker` command. Each sub-command is a file here; what it needs is imported when it runs."""

import sys

import click

from broker import __version__
from broker.cli.lazy import LazyGroup

_COMMANDS = {
    "accounts": "broker.cli.accounts",
    "apps": "broker.cli.apps",
    "audit": "broker.cli.audit",
    "config": "broker.cli.config",
    "controller": "broker.cli.controller",
    "demo": "broker.cli.demo",
    "doctor": "broker.cli.doctor",
    "grants": "broker.cli.grants",
    "keys": "broker.cli.keys",
    "lab": "broker.cli.lab",
    "reload": "broker.cli.reload",
    "roles": "broker.cli.roles",
    "serve": "broker.cli.serve",
    "ticket": "broker.cli.ticket",
    "tickets": "broker.cli.tickets",
}


@click.group(
    "broker", cls=LazyGroup, modules=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="broker")
def main() -> None:
    """Least-privilege roles and two-minute CIM tickets for vSphere.

    Exit codes: 0 done, 1 failed, 2 usage, 3 configuration, 4 refused, 5 vCenter, 6 conflict,
    7 there is something to do (plan --exit-code),
    8 what was checked is wrong: a ticket's receipt, or the log.
    """


if __name__ == "__main__":
    sys.exit(main())
