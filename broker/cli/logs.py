"""The operational log: one line per event on standard error, apart from the audit log."""

import logging

import click

log_level_option = click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="How much the operational log says; no level shows a secret.",
)

_QUIET = ("urllib3", "requests", "pyVmomi")
"""Libraries that print what goes over the wire when they are asked to."""


def log_to_stderr(level: str) -> None:
    """Log this process' doings from `level` up."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
