"""Options that say which records are wanted: one for each filter of broker/model/search.py."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Final

import click

from broker.model.search import FILTERS

_HELP: Final[Mapping[str, str]] = {
    "event": "These events, by name or code of docs/events.md, with commas between.",
    "app": "Records of this app.",
    "host": "Records of this host.",
    "vcenter": "Records of this vCenter.",
    "grant": "Records of this grant.",
    "template": "Records of this template.",
    "reason": "Refusals and failures of this reason.",
    "issuance": "Records of this issuance, or of the answer with this id.",
    "actor": "Changes by this operator.",
    "address": "Requests from this address.",
    "since": "From this time on: RFC 3339, or a date, whose midnight in UTC is meant.",
    "until": "Before this time.",
    "first": "From this position on.",
    "last": "Up to this position.",
}


def filter_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for each filter; the command gets those that were given as `told`, texts by name."""

    @wraps(command)
    def with_filters(**given: str | None) -> None:
        texts = {name: given.pop(name) for name in FILTERS}
        command(told={name: text for name, text in texts.items() if text is not None}, **given)

    filtered: Callable[..., None] = with_filters
    for name in reversed(FILTERS):
        filtered = click.option(f"--{name}", help=_HELP[name])(filtered)
    return filtered
