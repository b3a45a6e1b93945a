"""(m) What auditors ask of a log of a million records: is it whole, a report, a proof.

Verification as a command of its own, from its start to its end, on a store that nobody writes to. A report is
its first page as the interface gives it, with the record that says who asked; told is the slowest of all
reports. Proofs are of records anywhere in the log, one after the other.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter

import click

from broker.audit.desk import RecordingDesk
from broker.audit.keys import LogKeys
from broker.audit.proofs import StoredProofs
from broker.clock import SystemClock
from broker.model.reports import ReportName, ReportQuery
from broker.model.search import parse_filter
from broker.ports.auditing import Operator
from broker.store.database import Database
from broker.tlog.checkpoint import parsed_checkpoint
from tests.bench.figures import Figure, Sample
from tests.bench.plan import Plan
from tests.support.many_records import host_name

RECORDS = 1_000_000
PROOFS = 500
QUESTIONS: Mapping[ReportName, Mapping[str, str]] = {
    ReportName.ACCESS: {"host": host_name(500)},
    ReportName.ISSUANCES: {"app": "app-3"},
    ReportName.REFUSALS: {},
    ReportName.UNKNOWN: {},
    ReportName.CHANGES: {},
}


@dataclass(frozen=True, slots=True)
class _Verified:
    seconds: float
    cpu: float


def figures(plan: Plan) -> list[Figure]:
    """All of them on one store, which is verified before anybody reads in it."""
    root = plan.root / "million"
    root.mkdir(mode=0o700)
    store = root / "store.db"
    plan.say(f"(m) a log of {RECORDS} records is made: some minutes")
    subprocess.run([sys.executable, "-m", "tests.support.many_records", store, str(RECORDS)], check=True)
    return [*_verification(plan, store), *_reading(plan, store)]


def _verification(plan: Plan, store: Path) -> list[Figure]:
    taken = []
    for number in range(1, plan.rounds + 1):
        plan.say(f"(m) verification {number}")
        taken.append(_verified(store))
    what = f"verifying {RECORDS} records"
    return [
        Figure("m.verify", what, "s", "", tuple(Sample(each.seconds) for each in taken)),
        Figure("m.verify.cpu", f"CPU of {what}", "s", "", tuple(Sample(each.cpu) for each in taken)),
    ]


def _verified(store: Path) -> _Verified:
    before, began = os.times(), perf_counter()
    command = [sys.executable, "-m", "broker", "audit", "verify", str(store)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds, after = perf_counter() - began, os.times()
    if done.returncode != 0:
        raise click.ClickException(f"the log is not as it should be: {done.stdout}{done.stderr}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return _Verified(seconds, cpu)


def _reading(plan: Plan, store: Path) -> list[Figure]:
    plan.say("(m) reports and proofs")
    with _opened(store) as database:
        reports = {name: _reports(plan, database, name) for name in QUESTIONS}
        proofs = _proofs(plan, database)
    slowest = max(reports.values(), key=median)
    of_all = Figure("m.report", f"the slowest report over {RECORDS} records", "ms", "", _samples(slowest))
    told = [Figure(f"m.report.{n}", f"report {n}", "ms", "", _samples(t)) for n, t in reports.items()]
    return [of_all, *told, Figure("m.proof", f"a proof out of {RECORDS} records", "ms", "", _samples(proofs))]


@contextmanager
def _opened(store: Path) -> Iterator[Database]:
    database = Database.open_existing(store, SystemClock(), LogKeys(store.parent / "audit-keys"))
    try:
        yield database
    finally:
        database.close()


def _reports(plan: Plan, database: Database, name: ReportName) -> list[float]:
    desk, query = RecordingDesk(database), ReportQuery(name, parse_filter(QUESTIONS[name]))
    return [_milliseconds(lambda: desk.report(query, Operator("bench"))) for _ in range(plan.rounds)]


def _proofs(plan: Plan, database: Database) -> list[float]:
    """The middle of so many, in each round of others."""
    proofs, chance = StoredProofs(database), Random(1)
    size = parsed_checkpoint(proofs.checkpoint()).head.size
    rounds = [[chance.randrange(size) for _ in range(PROOFS)] for _ in range(plan.rounds)]
    return [
        median(_milliseconds(partial(proofs.inclusion, index, size)) for index in asked) for asked in rounds
    ]


def _milliseconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return 1000 * (perf_counter() - began)


def _samples(values: Sequence[float]) -> tuple[Sample, ...]:
    return tuple(map(Sample, values))
