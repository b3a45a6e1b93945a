"""`broker audit verify`: whether a log is what it says, and whether it still holds what others kept of it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import click

from broker.audit.system import AuditSystemLog
from broker.cli.audit.verdicts import content_of, show_verdict
from broker.cli.exits import Exit
from broker.cli.operator import operator
from broker.cli.output import format_option
from broker.cli.places import StorePlace, config_option, look_at_store, opened_store, store_option
from broker.console import Format, show_json
from broker.errors import BrokerError
from broker.model.record import Event, JsonValue, Record
from broker.store.engines.sqlite.looking import copied_file
from broker.texts import printable
from broker.tlog.note import NoteRefused, VerifierKey, verifier_key
from broker.verify.bundles.checking import verify_bundle
from broker.verify.bundles.contents import contents_of
from broker.verify.checking import verify
from broker.verify.crew import side_by_side
from broker.verify.evidence import Evidence, Kept, checkpoints_in, receipts_in
from broker.verify.sources import Source, Unreadable
from broker.verify.stored import stored_log
from broker.verify.verdict import Verdict
from broker.verify.walk import Onlooker


class KeyType(click.ParamType[VerifierKey]):
    """A verifier key, as `broker audit keys list` prints it."""

    name = "VKEY"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> VerifierKey:
        """Raises BadParameter for what is no key."""
        try:
            return verifier_key(value)
        except NoteRefused as refused:
            self.fail(str(refused), param, ctx)


@click.command("verify", short_help="Check the log, a copy of its store, or an export.")
@click.argument("what", type=click.Path(path_type=Path, exists=True), required=False)
@click.option(
    "--key",
    "keys",
    type=KeyType(),
    multiple=True,
    help="A public key of the log that you have from elsewhere; may be repeated. Without one the log's own "
    "keys are believed, and it is checked only that it agrees with itself.",
)
@click.option(
    "--against",
    "earlier",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="A file of checkpoints that were kept: the log must continue each.",
)
@click.option(
    "--receipts",
    "folders",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    multiple=True,
    help="A folder of receipts that apps kept: the log must hold the record of each.",
)
@config_option
@store_option
@format_option
@click.pass_context
def command(
    ctx: click.Context,
    what: Path | None,
    keys: tuple[VerifierKey, ...],
    earlier: tuple[Path, ...],
    folders: tuple[Path, ...],
    directory: Path,
    store: StorePlace,
    output_format: str,
) -> None:
    """Check every record of a log: its bytes, its place in the tree, the signed head, what stands beside it.

    WHAT is a copy of a store's file, or the folder of an export: nothing else is needed to check one, and
    nothing is written. Without it the log of this broker is checked as it is now, which is put on record.

    Exit 0 when all is well, 8 when the log is wrong, 1 when it could not be read to the end.
    """
    kept = Evidence(
        tuple(chain.from_iterable(map(checkpoints_in, earlier))),
        tuple(chain.from_iterable(map(_receipts_of, folders))),
    )
    if what is not None and what.is_dir():
        with _progress(contents_of(what).manifest.count) as onlooker:
            verdict = verify_bundle(what, keys, kept, side_by_side, onlooker)
    else:
        with _source(what, directory, store) as source, _progress(source.head.size) as onlooker:
            verdict = verify(source, keys, kept, side_by_side, onlooker)
    if what is None:
        _record(verdict, directory, store)
    if output_format == Format.JSON:
        show_json(content_of(verdict))
    else:
        show_verdict(verdict)
    ctx.exit(Exit.DONE if verdict.good else Exit.WRONG)


def _receipts_of(folder: Path) -> tuple[Kept, ...]:
    """Who hands a folder over wants the log to be held against it: "good" of none would mislead."""
    if receipts := tuple(receipts_in(folder)):
        return receipts
    raise Unreadable(f"{folder} holds no receipt: name the folder that apps keep them in with --receipts")


@contextmanager
def _source(what: Path | None, directory: Path, store: StorePlace) -> Iterator[Source]:
    if what is None:
        with stored_log(look_at_store(directory, store)) as log:
            yield log
    else:
        with copied_file(what) as copy, stored_log(copy) as log:
            yield log


@contextmanager
def _progress(size: int) -> Iterator[Onlooker]:
    """A bar on standard error, for a person who waits at it."""
    watched = sys.stderr.isatty()
    with click.progressbar(length=size, label="checking records", file=sys.stderr, hidden=not watched) as bar:
        yield lambda done: bar.update(done - bar.pos)


def _record(verdict: Verdict, directory: Path, store: StorePlace) -> None:
    """Put on record that the log was checked; where it takes no record any more, say so."""
    fields: dict[str, JsonValue] = {
        "by": operator(),
        "tree_size": verdict.checked["records"],
        "keys_given": verdict.independent,
    }
    event = Event.AUDIT_VERIFIED
    if not verdict.good:
        event = Event.AUDIT_FOUND_WRONG
        fields |= {"finding": str(verdict.findings[0]), "count": sum(verdict.wrong.values())}
    try:
        with opened_store(directory, store) as database:
            AuditSystemLog(database).append([Record(event, fields)])
    except BrokerError as error:
        click.echo(printable(f"The verification is not on record: {error}"), err=True)
