"""Proofs of what an account may do: asked for many hosts at once, shared, kept for a while."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock

from broker.errors import Reason, Refused
from broker.model.inventory import Host
from broker.model.issuance import Proof
from broker.model.names import Moid
from broker.ports.clock import Clock
from broker.vsphere.flights import landed
from broker.vsphere.gate import PATIENCE_S
from broker.vsphere.privileges import Held, fetch_held
from broker.vsphere.sessions import Session

HOT_S = 600.0
"""A host that was asked for in this time is proved ahead."""

BATCH = 200
"""Hosts in one call of the refresher."""


@dataclass(slots=True)
class _Batch:
    """Hosts that one call asks about. `drops` counts the drops that came before it was sent."""

    flights: dict[Moid, Future[Held]] = field(default_factory=dict)
    asked_at: float = 0.0
    drops: int = 0


class Proofs:
    """The proofs of one account; `max_age_s` 0 asks vCenter for every ticket.

    A request joins the next call, unless the one under way was sent late enough to serve it;
    one such call is under way at a time. So a lone request waits for its own call, and under
    load many share one.
    """

    def __init__(self, session: Session, clock: Clock, max_age_s: float) -> None:
        self._session = session
        self._clock = clock
        self._max_age_s = max_age_s
        self._lock = Lock()
        self._kept: dict[Moid, tuple[Held, float]] = {}
        self._wanted: dict[Moid, float] = {}
        self._drops = 0
        self._dropped: dict[Moid, int] = {}
        self._next = _Batch()
        self._under_way = _Batch()
        self._calling = Lock()

    def prove(self, host: Host) -> Proof:
        """A proof that was not older than the setting when it was asked for.

        Raises Refused(UNPROVEN | VCENTER_* | ...) and whatever `Session.run` raises.
        """
        moid = host.ref.moid
        with self._lock:
            now = self._clock.monotonic()
            self._wanted[moid] = now
            kept = self._kept.get(moid)
            if kept is not None and now - kept[1] < self._max_age_s:
                return _proof(*kept, now)
            batch = self._under_way if self._serves(moid, now) else self._next
            flight = batch.flights.setdefault(moid, Future())
        if batch is not self._under_way:
            self._send(batch)
        held = landed(flight)
        return _proof(held, batch.asked_at, self._clock.monotonic())

    def drop(self, host: Host) -> None:
        """Trust nothing about the host that was asked before now."""
        with self._lock:
            self._drops += 1
            self._dropped[host.ref.moid] = self._drops
            self._kept.pop(host.ref.moid, None)

    def refresh(self) -> None:
        """Prove anew what was asked for lately and has spent half its time.

        Raises what `Session.run` raises: the rest then waits for the next turn.
        """
        due = self._due()
        for start in range(0, len(due), BATCH):
            chunk = due[start : start + BATCH]
            with self._lock:
                asked_at, drops = self._clock.monotonic(), self._drops
            answers = self._ask(chunk)
            with self._lock:
                self._keep(answers, asked_at, drops)
                for moid in chunk:
                    if isinstance(answers[moid], Refused):
                        self._wanted.pop(moid, None)

    def _due(self) -> list[Moid]:
        with self._lock:
            now = self._clock.monotonic()
            self._wanted = {m: at for m, at in self._wanted.items() if now - at < HOT_S}
            for moid in self._kept.keys() - self._wanted.keys():
                del self._kept[moid]
            half = self._max_age_s / 2
            return [m for m in self._wanted if m not in self._kept or now - self._kept[m][1] >= half]

    def _serves(self, moid: Moid, now: float) -> bool:
        """Whether the call under way asks about the host, and late enough for a request made now."""
        batch = self._under_way
        young = now - batch.asked_at < self._max_age_s
        return moid in batch.flights and young and self._holds(moid, batch.drops)

    def _holds(self, moid: Moid, drops: int) -> bool:
        return self._dropped.get(moid, 0) <= drops

    def _send(self, batch: _Batch) -> None:
        """Send the batch, unless another of its requests did while this one waited for its turn."""
        if not self._calling.acquire(timeout=PATIENCE_S):
            raise Refused(Reason.VCENTER_BUSY, "proofs of the account are slow")
        try:
            with self._lock:
                if batch is not self._next:
                    return
                self._under_way, self._next = batch, _Batch()
                batch.asked_at, batch.drops = self._clock.monotonic(), self._drops
            self._fly(batch)
            with self._lock:
                self._under_way = _Batch()
        finally:
            self._calling.release()

    def _fly(self, batch: _Batch) -> None:
        try:
            answers = self._ask(list(batch.flights))
        except BaseException as error:  # whoever waits must not wait for ever
            for flight in batch.flights.values():
                flight.set_exception(error)
            if not isinstance(error, Refused):
                raise
            return
        with self._lock:
            self._keep(answers, batch.asked_at, batch.drops)
        for moid, flight in batch.flights.items():
            match answers[moid]:
                case Held() as held:
                    flight.set_result(held)
                case refusal:
                    flight.set_exception(refusal)

    def _keep(self, answers: Mapping[Moid, Held | Refused], asked_at: float, drops: int) -> None:
        for moid, answer in answers.items():
            kept = self._kept.get(moid)
            if (
                isinstance(answer, Held)
                and self._holds(moid, drops)
                and (kept is None or kept[1] <= asked_at)
            ):
                self._kept[moid] = (answer, asked_at)
                self._dropped.pop(moid, None)

    def _ask(self, moids: Sequence[Moid]) -> dict[Moid, Held | Refused]:
        """One call; where vCenter answers for none, one host may be to blame, so halves are asked."""
        try:
            told = self._session.run(lambda link: fetch_held(link, moids))
        except Refused as refusal:
            if refusal.reason is not Reason.UNPROVEN:
                raise
            if len(moids) == 1:
                return {moids[0]: refusal}
        else:
            silent = Refused(Reason.UNPROVEN, "no answer about the host")
            return {moid: told.get(moid, silent) for moid in moids}
        middle = len(moids) // 2
        return {**self._ask(moids[:middle]), **self._ask(moids[middle:])}


def _proof(held: Held, asked_at: float, now: float) -> Proof:
    return Proof(held.host, held.root, held.digest, max(0.0, now - asked_at))
