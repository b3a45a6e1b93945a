"""`broker audit show`: all that the log has of one record or issuance, proved."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from broker.audit.desk import RecordingDesk
from broker.cli.exits import Exit
from broker.cli.operator import operator
from broker.cli.output import fail, format_option
from broker.cli.places import StorePlace, config_option, opened_store, store_option
from broker.console import Format
from broker.errors import InvalidName
from broker.model.names import parse_issuance_id
from broker.model.search import parse_index
from broker.ports.auditing import Operator, ProvedRecord
from broker.texts import printable
from broker.tlog.checkpoint import parsed_checkpoint

_NUMBER = re.compile(r"[0-9]+")


@click.command("show", short_help="Show a record, or all of an issuance, with what proves it.")
@click.argument("reference")
@config_option
@store_option
@format_option
def command(reference: str, directory: Path, store: StorePlace, output_format: str) -> None:
    """Show all records of an issuance with their exact bytes, and check that the signed head holds them.

    REFERENCE is the issuance's id, or the index or the id of one of its records. Exit 1 where the log has
    nothing under it, or where what it has is not proved.
    """
    with opened_store(directory, store) as database:
        proved = RecordingDesk(database).story(_meant(reference), Operator(operator()))
    if not proved:
        fail(f"the log has nothing under {reference}", Exit.FAILED)
    if output_format == Format.JSON:
        for each in proved:
            click.echo(json.dumps(_as_json(each), ensure_ascii=False, sort_keys=True))
    else:
        _tell(proved)


def _meant(reference: str) -> int | str:
    if _NUMBER.fullmatch(reference):
        return parse_index(reference, "reference")
    try:
        return parse_issuance_id(reference)
    except InvalidName:
        raise InvalidName("reference", "the id of an issuance, or the index or id of a record") from None


def _as_json(proved: ProvedRecord) -> Mapping[str, object]:
    receipt = proved.receipt
    return {
        "index": receipt.index,
        "record": {name: value for name, value in proved.content.items() if name != "index"},
        "leaf": proved.leaf.decode(),
        "leaf_hash": receipt.leaf_hash.hex(),
        "proof": [step.hex() for step in receipt.path],
        "checkpoint": receipt.checkpoint,
    }


def _tell(proved: Sequence[ProvedRecord]) -> None:
    for each in proved:
        head, steps = parsed_checkpoint(each.receipt.checkpoint).head, len(each.receipt.path)
        facts = {
            "index": str(each.receipt.index),
            "time": each.content["ts"],
            "event": f"{each.content['event']} ({each.content['code']})",
            "leaf": each.leaf.decode(),
            "leaf hash": each.receipt.leaf_hash.hex(),
            "proved": f"by {steps} hashes up to the signed head of {head.origin}, size {head.size}",
        }
        for name, value in facts.items():
            click.echo(f"{name.ljust(9)}  {printable(str(value))}")
        click.echo()
