"""A store of very many records, as months of a site leave it.

`python -m tests.support.many_records PATH COUNT` makes one, and puts the keys that sign it into `audit-keys`
beside it. It is written by the store's own transactions, of very many records each, with the rows that stand
beside them: a million take about two minutes and 1.4 GB.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random

from sqlalchemy import insert

from broker.audit.ledger import use_of
from broker.audit.sayings import (
    intent_record,
    late_record,
    origin_fields,
    outcome_record,
    refusal_record,
)
from broker.errors import Reason, Refused
from broker.ids import new_issuance_id
from broker.model.inventory import HostRef
from broker.model.issuance import Attempt, Caller, Intent, IssuanceState, Origin, Outcome, OutcomeKind
from broker.model.names import AccountId, AppId, GrantId, HostName, Moid, TemplateId, VcenterId
from broker.model.policy import Scope
from broker.model.record import Event, JsonValue, Record
from broker.model.stores import StoreLocation
from broker.store.database import Database
from broker.store.firsts import FirstUses
from broker.store.place import Reserve
from broker.store.tables import issuance, open_attempt, terminal
from broker.store.times import iso, ms, ms_up
from broker.store.transaction import Transaction
from tests.support.clock import HandClock
from tests.support.issuing import PROOF, REQUEST
from tests.support.log_keys import LOG_KEYS

HOSTS, APPS, GRANTS_PER_APP, TEMPLATES, VCENTERS = 1000, 8, 3, 5, 3
LEFT_OPEN = 3
"""The last records are intents of attempts that still run."""

_BATCH = 20_000
_STEP_S = 6.0
_LONGEST = 3
_REFUSALS = (Reason.NOT_GRANTED, Reason.RATE_LIMITED, Reason.HOST_UNKNOWN, Reason.DRIFTED)
_ENDS = (
    (OutcomeKind.ISSUED, None, 0.96),
    (OutcomeKind.REFUSED, Reason.OVER_PRIVILEGED, 0.98),
    (OutcomeKind.FAILED, Reason.VCENTER_FAULT, 0.99),
    (OutcomeKind.UNKNOWN, Reason.VCENTER_TIMEOUT, 1.0),
)


def host_name(number: int) -> HostName:
    """The name of one of the hosts."""
    return HostName(f"esx{number:04}.example.com")


def fill(place: StoreLocation, count: int, clock: HandClock, hosts: int = HOSTS) -> None:
    """Let a new store there hold `count` records, `LEFT_OPEN` or more; the clock moves on with them."""
    database = Database.open(place, clock, LOG_KEYS)
    site = _Site(clock, hosts)
    try:
        left = count - LEFT_OPEN
        while left > 0:
            database.write(Reserve.NONE, _work(site.time_goes_on, min(left, _BATCH)))
            left -= _BATCH
        database.write(Reserve.NONE, _work(site.attempts_begin, LEFT_OPEN))
    finally:
        database.close()


def _work(going_on: Callable[["_Page"], None], count: int) -> Callable[[Transaction], None]:
    def work(transaction: Transaction) -> None:
        page = _Page(transaction, count)
        going_on(page)
        page.insert_rows()

    return work


@dataclass(slots=True)
class _Page:
    """One transaction, and the rows that go with its records."""

    transaction: Transaction
    left: int
    issuances: list[dict[str, object]] = field(default_factory=list)
    terminals: list[dict[str, object]] = field(default_factory=list)
    opens: list[dict[str, object]] = field(default_factory=list)

    def append(self, record: Record) -> int:
        (seq,) = self.transaction.append([record])
        self.left -= 1
        return seq

    def insert_rows(self) -> None:
        for table, rows in (
            (issuance, self.issuances),
            (terminal, self.terminals),
            (open_attempt, self.opens),
        ):
            if rows:
                self.transaction.connection.execute(insert(table), rows)


class _Site:
    """What happens at a site; the same at every call, but for the ids."""

    def __init__(self, clock: HandClock, hosts: int) -> None:
        self._clock, self._hosts = clock, hosts
        self._random = Random(1)
        self._firsts = FirstUses()

    def time_goes_on(self, page: _Page) -> None:
        while page.left:
            draw = self._random.random()
            if draw < 0.92 and page.left >= _LONGEST:
                self._attempt(page)
            elif draw < 0.97:
                self._refusal(page)
            else:
                page.append(self._aside())
            self._clock.advance(self._random.uniform(0, 2 * _STEP_S))

    def attempts_begin(self, page: _Page) -> None:
        while page.left:
            attempt, _, row = self._begin(page)
            page.issuances.append(row)
            opened = {"issuance": attempt.issuance, "attempt": 1, "intent_seq": row["seq"], "keyed": 0}
            page.opens.append(opened | {"deadline": ms_up(attempt.deadline)})

    def _attempt(self, page: _Page) -> None:
        attempt, intent, row = self._begin(page)
        draw = self._random.random()
        kind, reason = next((kind, reason) for kind, reason, up_to in _ENDS if draw < up_to)
        asked_at = self._clock.now()
        self._clock.advance(self._random.uniform(0.02, 0.2))
        exposed = kind in {OutcomeKind.ISSUED, OutcomeKind.UNKNOWN}
        until = self._clock.now() + timedelta(seconds=120) if exposed else None
        outcome = Outcome(
            kind=kind,
            reason=reason,
            proof=PROOF,
            exposure_from=asked_at if exposed else None,
            exposure_until=until,
            fingerprint=self._random.randbytes(32).hex() if kind is OutcomeKind.ISSUED else None,
            fingerprint_key_id="0123456789abcdef" if kind is OutcomeKind.ISSUED else None,
        )
        seq = page.append(outcome_record(attempt, intent, outcome))
        page.terminals.append({"issuance": attempt.issuance, "attempt": 1, "seq": seq})
        row |= {"state": kind.value, "reason": reason, "exposure_until": until and ms_up(until)}
        page.issuances.append(row)
        if kind is OutcomeKind.UNKNOWN and self._random.random() < 0.3:
            page.append(late_record(attempt, intent, replace(outcome, kind=OutcomeKind.FAILED)))

    def _begin(self, page: _Page) -> tuple[Attempt, Intent, dict[str, object]]:
        intent = self._intent()
        deadline = self._clock.now() + timedelta(seconds=60)
        attempt = Attempt(intent.issuance, 1, deadline)
        seq = page.append(intent_record(attempt, intent, None, deadline))
        self._firsts.note(page.transaction.connection, use_of(intent), seq)
        self._firsts.stands(use_of(intent))
        row = {
            "seq": seq,
            "issuance": intent.issuance,
            "app": intent.app,
            "state": IssuanceState.PENDING.value,
            "reason": None,
            "host": intent.host_name,
            "vcenter": intent.host.vcenter,
            "grant_id": intent.grant,
            "attempts": 1,
            "at": ms(self._clock.now()),
            "exposure_until": None,
        }
        return attempt, intent, row

    def _intent(self) -> Intent:
        number, app = self._random.randrange(self._hosts), self._app()
        grant = self._random.randrange(GRANTS_PER_APP)
        template = int(app.removeprefix("app-")) % TEMPLATES
        vcenter = number % VCENTERS
        return Intent(
            issuance=new_issuance_id(self._clock),
            app=app,
            origin=self._origin(app),
            grant=GrantId(f"{app}-grant-{grant}"),
            template=TemplateId(f"template-{template}"),
            template_revision=f"{template:064x}",
            account=AccountId(f"cim-{vcenter}"),
            host=HostRef(
                VcenterId(f"vc-{vcenter}"), f"61f12cb6-9de0-40cb-9c47-{vcenter:012}", Moid(f"host-{number}")
            ),
            host_name=host_name(number),
            policy_revision=f"{1:064x}",
        )

    def _refusal(self, page: _Page) -> None:
        app, issuance_id = self._app(), new_issuance_id(self._clock)
        reason, host = self._random.choice(_REFUSALS), host_name(self._random.randrange(self._hosts))
        request = replace(REQUEST, issuance=issuance_id, host=host, vcenter=None, grant=None, dry_run=False)
        caller = Caller(app, frozenset({Scope.TICKETS}), 1, self._origin(app))
        seq = page.append(refusal_record(request, caller, Refused(reason), f"{1:064x}", None))
        page.issuances.append(
            {
                "seq": seq,
                "issuance": issuance_id,
                "app": app,
                "state": IssuanceState.REFUSED.value,
                "reason": reason.value,
                "host": host,
                "vcenter": None,
                "grant_id": None,
                "attempts": 0,
                "at": ms(self._clock.now()),
                "exposure_until": None,
            }
        )

    def _aside(self) -> Record:
        app = self._app()
        return self._random.choices(tuple(self._asides(app)), (80, 12, 4, 2, 2))[0]

    def _asides(self, app: AppId) -> Iterator[Record]:
        origin, now = origin_fields(self._origin(app)), iso(ms(self._clock.now()))
        scopes: JsonValue = ["tickets"]
        yield Record(
            Event.TOKEN_ISSUED, {"app": app, "method": "private_key_jwt", "scopes": scopes, **origin}
        )
        yield Record(
            Event.ACCESS_REFUSED,
            {
                "issuance": new_issuance_id(self._clock),
                "reason": Reason.UNAUTHENTICATED.value,
                "cause": "expired",
                "path": "/v1/tickets",
                **origin,
            },
        )
        counts = {Reason.NOT_GRANTED.value: self._random.randrange(1, 500)}
        yield Record(
            Event.REFUSALS_AGGREGATED,
            {"app": app, "reasons": counts, "count": sum(counts.values()), "first": now, "last": now},
        )
        yield Record(Event.APP_ROTATED, {"app": app, "generation": 2, "by": "alice", "new_secret": False})
        yield Record(Event.GRANT_DISABLED, {"grant": f"{app}-grant-0", "by": "bob"})

    def _app(self) -> AppId:
        return AppId(f"app-{self._random.randrange(APPS)}")

    def _origin(self, app: AppId) -> Origin:
        return Origin(f"192.0.2.{app.removeprefix('app-')}", "check_esxi/3.2")


def main(path: Path, count: int) -> None:
    """Fill a store and leave its keys beside it."""
    LOG_KEYS.write(path.parent / "audit-keys")
    fill(path, count, HandClock())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
