"""`broker audit report`: the questions that auditors ask again and again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from broker.audit.csv_cells import csv_lines
from broker.audit.desk import RecordingDesk
from broker.cli.audit.filters import filter_options
from broker.cli.audit.showing import table_cell
from broker.cli.operator import operator
from broker.cli.places import StorePlace, config_option, opened_store, store_option
from broker.console import Format, show, show_json
from broker.model.reports import REPORTS, Report, ReportName, ReportQuery, check_filters
from broker.model.search import parse_filter
from broker.ports.auditing import Operator

_CSV: Final = "csv"
_HELP: Final = """Answer one question about the whole log, the newest first.

\b
{questions}

That the report was read is put on record before it is shown.
"""


def _help() -> str:
    width = max(map(len, ReportName))
    questions = (f"{name.ljust(width)}  {facts.title}" for name, facts in REPORTS.items())
    return _HELP.format(questions="\n".join(questions))


@click.command("report", short_help="Answer one of the questions that auditors ask.", help=_help())
@click.argument("name", type=click.Choice([name.value for name in ReportName]))
@filter_options
@config_option
@store_option
@click.option(
    "--format",
    "output_format",
    type=click.Choice([*(each.value for each in Format), _CSV]),
    default=Format.TABLE.value,
    show_default=True,
    help="Print for people, for machines or for spreadsheets.",
)
def command(
    name: str, told: Mapping[str, str], directory: Path, store: StorePlace, output_format: str
) -> None:
    """Print one report."""
    report_name = ReportName(name)
    check_filters(report_name, frozenset(told))
    query = ReportQuery(report_name, parse_filter(told))
    with opened_store(directory, store) as database:
        report = RecordingDesk(database).whole_report(query, Operator(operator()))
    _print(report_name, told, report, output_format)


def _print(name: ReportName, told: Mapping[str, str], report: Report, output_format: str) -> None:
    columns = REPORTS[name].columns
    if output_format == Format.JSON:
        show_json({"report": name, "query": dict(told), "rows": report.rows, "notes": report.notes})
        return
    rows = [[row[column] for column in columns] for row in report.rows]
    if output_format == _CSV:
        for line in csv_lines(columns, rows):
            click.echo(line, nl=False)
    else:
        show(output_format, columns, [[table_cell(cell) for cell in row] for row in rows])
    for note, facts in report.notes.items():
        for fact in facts if isinstance(facts, list) else [facts]:
            click.echo(f"{note}: {table_cell(fact)}", err=True)
