"""The operational log: one line per event on standard error, apart from the audit log."""

import logging

import click

from broker.texts import printable

log_level_option = click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="How much the operational log says; no level shows a secret.",
)

_QUIET = ("urllib3", "requests", "pyVmomi")
"""Libraries that print what goes over the wire when they are asked to."""


class _OneLine(logging.Formatter):
    """Names that vCenter or an app chose cannot begin a line of their own, nor hide one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """The line of the record, without what does not print."""
        return printable(super().formatMessage(record))


def log_to_stderr(level: str) -> None:
    """Log this process' doings from `level` up."""
    to_stderr = logging.StreamHandler()
    to_stderr.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[to_stderr], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
