"""`broker audit tail`: the newest records, and those that arrive."""

import signal
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Event
from typing import Any

import click

from broker.audit.desk import RecordingDesk
from broker.audit.following import following
from broker.cli.audit.filters import filter_options
from broker.cli.audit.showing import heading, record_lines, record_rows
from broker.cli.operator import operator
from broker.cli.output import format_option
from broker.cli.places import StorePlace, config_option, opened_store, store_option
from broker.console import Format
from broker.model.search import MAX_PAGE, RecordFilter, RecordQuery, parse_filter
from broker.ports.auditing import Operator
from broker.store.database import Database

_LOOK_EVERY_S = 0.5

_Shows = Callable[[Iterable[Mapping[str, Any]]], None]


@click.command("tail", short_help="Show the newest records, and those that arrive.")
@filter_options
@click.option(
    "--lines",
    type=click.IntRange(1, MAX_PAGE),
    default=10,
    show_default=True,
    help="Records of those that are there already.",
)
@click.option("--follow", is_flag=True, help="Go on with those that arrive, until interrupted.")
@config_option
@store_option
@format_option
def command(
    told: Mapping[str, str],
    lines: int,
    directory: Path,
    store: StorePlace,
    output_format: str,
    *,
    follow: bool,
) -> None:
    """Show the newest records that all filters let through, the oldest of them first.

    On record before anything is shown; with --follow once more at the end, with how many came.
    """
    wanted = parse_filter(told)
    with opened_store(directory, store) as database:
        if follow:
            _follow(database, wanted, lines, _shows(output_format))
        else:
            page = RecordingDesk(database).records(RecordQuery(wanted, limit=lines), Operator(operator()))
            _shows(output_format)(reversed(page.records))


def _shows(output_format: str) -> _Shows:
    if output_format == Format.JSON:
        return record_lines
    heading()
    return record_rows


def _follow(database: Database, wanted: RecordFilter, lines: int, show: _Shows) -> None:
    enough = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: enough.set())
    with following(database, wanted, lines, Operator(operator())) as watched:
        show(watched.newest)
        while not enough.wait(_LOOK_EVERY_S):
            while arrived := watched.arrived():
                show(arrived)
