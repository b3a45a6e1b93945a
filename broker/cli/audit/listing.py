"""`broker audit list`: a page of records."""

from collections.abc import Mapping
from pathlib import Path

import click

from broker.audit.desk import RecordingDesk
from broker.cli.audit.filters import filter_options
from broker.cli.audit.showing import heading, record_lines, record_rows
from broker.cli.operator import operator
from broker.cli.output import format_option
from broker.cli.places import StorePlace, config_option, opened_store, store_option
from broker.console import Format
from broker.model.search import DEFAULT_PAGE, MAX_PAGE, Order, RecordQuery, parse_filter
from broker.ports.auditing import Operator


@click.command("list", short_help="Show a page of records.")
@filter_options
@click.option("--oldest-first", is_flag=True, help="Begin with the oldest; without it, with the newest.")
@click.option("--after", type=click.IntRange(0), help="The page that follows the record at this position.")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_PAGE),
    default=DEFAULT_PAGE,
    show_default=True,
    help="Records on a page.",
)
@config_option
@store_option
@format_option
def command(
    told: Mapping[str, str],
    after: int | None,
    limit: int,
    directory: Path,
    store: StorePlace,
    output_format: str,
    *,
    oldest_first: bool,
) -> None:
    """Show a page of the records that all filters let through; JSON has one on each line.

    That the page was read is put on record before it is shown.
    """
    order = Order.OLDEST if oldest_first else Order.NEWEST
    query = RecordQuery(parse_filter(told), order, after, limit)
    with opened_store(directory, store) as database:
        page = RecordingDesk(database).records(query, Operator(operator()))
    if output_format == Format.JSON:
        record_lines(page.records)
    else:
        heading()
        record_rows(page.records)
    if page.more:
        click.echo(f"there are more: --after {page.records[-1]['index']}", err=True)
