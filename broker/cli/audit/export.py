"""`broker audit export`: records for somebody else, with what proves them."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from broker.audit.export.exporting import Exported, Exporter
from broker.audit.export.filling import Onlooker
from broker.audit.export.selection import Extra, selected
from broker.audit.system import AuditSystemLog
from broker.cli.audit.filters import filter_options
from broker.cli.operator import operator
from broker.cli.output import format_option
from broker.cli.places import StorePlace, config_option, opened_store, store_option
from broker.console import tell
from broker.store.published import PublishedTree
from broker.store.search import StoredSearch
from broker.texts import counted
from broker.verify.shipped import PROGRAMS

_STEP = 1000
"""Records between two looks of the bar."""


@click.command("export", short_help="Write records to a new folder, with what proves them.")
@click.argument("folder", type=click.Path(path_type=Path))
@filter_options
@click.option("--proofs", is_flag=True, help="Add a file for each record that proves it by itself.")
@click.option("--csv", "table", is_flag=True, help="Add a view for spreadsheets.")
@config_option
@store_option
@format_option
def command(
    folder: Path,
    told: Mapping[str, str],
    directory: Path,
    store: StorePlace,
    output_format: str,
    *,
    proofs: bool,
    table: bool,
) -> None:
    """Write records to FOLDER, which must not exist: docs/audit-export.md says what is in it.

    Without a filter it is the whole log. The export is on record before FOLDER appears. Exit 6 where FOLDER
    exists.
    """
    asked = {Extra.PROOF_FILES: proofs, Extra.TABLE: table}
    extras = frozenset(extra for extra, wanted in asked.items() if wanted)
    with opened_store(directory, store) as database:
        selection = selected(StoredSearch(database), told)
        exporter = Exporter(PublishedTree(database), AuditSystemLog(database), database.clock, PROGRAMS)
        with _bar(exporter.size()) as onlooker:
            exported = exporter.export(folder, selection, extras, operator(), onlooker)
    _tell(exported, folder, output_format)


@contextmanager
def _bar(size: int) -> Iterator[Onlooker]:
    """A bar on a terminal, by how much of the log was passed."""
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=size, label="exporting", file=sys.stderr, hidden=hidden) as bar:

        def passed(index: int) -> None:
            if index - bar.pos >= _STEP:
                bar.update(index - bar.pos)

        yield passed
        bar.update(size - bar.pos)


def _tell(exported: Exported, folder: Path, output_format: str) -> None:
    what = exported.what
    size = what.checkpoint.head.size
    tell(
        output_format,
        f"{counted(what.extent.count, 'record')} of {size} in {folder}; "
        f"to check them: broker audit verify {folder} --key VKEY, or elsewhere: python3 verify.py {folder} "
        "--key VKEY, with the log's public key and a verify.py that did not come with them",
        folder=folder,
        scope=what.scope,
        count=what.extent.count,
        first=what.extent.first,
        last=what.extent.last,
        size=size,
        manifest_sha256=exported.manifest_sha256,
    )
