"""The questions that auditors ask again and again, each with what it takes and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from broker.errors import InvalidName
from broker.model.search import MAX_PAGE, RecordFilter


class ReportName(StrEnum):
    """Which report."""

    ACCESS = "access"
    ISSUANCES = "issuances"
    REFUSALS = "refusals"
    UNKNOWN = "unknown"
    CHANGES = "changes"


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What a report answers, the filters that it must and may be given, and the columns of a row."""

    title: str
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    columns: tuple[str, ...]


_TIMES = ("since", "until")
_TICKET = ("app", "account", "template", "template_revision", "grant", "issuance", "attempt")

REPORTS: Final[Mapping[ReportName, ReportFacts]] = MappingProxyType(
    {
        ReportName.ACCESS: ReportFacts(
            "Who had access to a host: each ticket, known or possible, whose life overlaps the time.",
            ("host",),
            ("vcenter", "app", "grant", *_TIMES),
            ("index", "state", "from", "until", "vcenter", *_TICKET),
        ),
        ReportName.ISSUANCES: ReportFacts(
            "All that an app asked for and what came of it, with the revisions of its templates.",
            ("app",),
            _TIMES,
            (
                "index",
                "at",
                "issuance",
                "state",
                "reason",
                "host",
                "vcenter",
                "grant",
                "template",
                "template_revision",
                "attempts",
                "exposure_until",
            ),
        ),
        ReportName.REFUSALS: ReportFacts(
            "Refusals and failures by reason and app, with those that were only counted.",
            (),
            ("app", "reason", *_TIMES),
            ("reason", "app", "count", "only_counted", "first", "last"),
        ),
        ReportName.UNKNOWN: ReportFacts(
            "Outcomes that are not known, why, and what was learned of them later.",
            (),
            ("app", "host", "vcenter", "grant", *_TIMES),
            ("index", "at", "reason", "detail", "from", "until", "vcenter", "host", *_TICKET, "late"),
        ),
        ReportName.CHANGES: ReportFacts(
            "What admins, operators and the controller changed, and what was found changed.",
            (),
            ("event", "actor", "app", "vcenter", "grant", "template", *_TIMES),
            ("index", "at", "event", "by", "what"),
        ),
    }
)


def check_filters(name: ReportName, given: frozenset[str]) -> None:
    """Raise InvalidName for a filter that the report does not take, and where one is missing."""
    facts = REPORTS[name]
    for missing in facts.needs:
        if missing not in given:
            raise InvalidName(missing, f"one, which the report {name} is about")
    known = (*facts.needs, *facts.takes)
    for unknown in sorted(given - set(known)):
        raise InvalidName(unknown, f"none: the report {name} takes {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """One page of a report: at most `limit` rows, 1 to 500, newest first, of positions before `before`."""

    name: ReportName
    wanted: RecordFilter
    before: int | None = None
    limit: int = MAX_PAGE


@dataclass(frozen=True, slots=True)
class Report:
    """A page of a report. `notes` say what no row does; `before` asks for the next page, None on the last."""

    rows: tuple[Mapping[str, object], ...]
    notes: Mapping[str, object] = field(default_factory=dict)
    before: int | None = None
