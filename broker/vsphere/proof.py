"""Proofs of what an account may do: asked for many hosts at once, shared, kept for a while."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock

from broker.errors import Reason, Refused
from broker.model.inventory import Host, HostRef
from broker.model.issuance import Proof
from broker.ports.clock import Clock
from broker.vsphere.flights import landed
from broker.vsphere.privileges import Held, fetch_held
from broker.vsphere.sessions import Session

HOT_S = 600.0
"""A host that was asked for in this time is proved ahead."""

BATCH = 200
"""Hosts in one call of the refresher."""

TURN_S = 10.0
"""However short the setting, a proof is good for so long: the ticket call has to get its turn."""

_HALF = 0.5
"""A proof that has spent so much of its time is asked for anew by the refresher, or on the way."""

_SPENT = 0.8
"""So old no proof gets that the refresher keeps: where one is, it soon has to be asked for."""

_ONE_HOSTS = frozenset({Reason.UNPROVEN, Reason.INVENTORY_STALE})
"""Refusals of a whole call for which one of its hosts may be to blame."""


@dataclass(slots=True)
class _Batch:
    """Hosts that one call asks about. `drops` counts the drops that came before it was sent."""

    flights: dict[HostRef, Future[Held]] = field(default_factory=dict)
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
        self._kept: dict[HostRef, tuple[Held, float]] = {}
        self._wanted: dict[HostRef, float] = {}
        self._drops = 0
        self._dropped: dict[HostRef, int] = {}
        self._expected: dict[HostRef, None] = {}
        self._next = _Batch()
        self._under_way = _Batch()
        self._calling = Lock()

    def prove(self, host: Host) -> Proof:
        """A proof that was not older than the setting when it was asked for.

        Raises Refused(UNPROVEN | VCENTER_* | ...) and whatever `Session.run` raises.
        """
        ref = host.ref
        with self._lock:
            now = self._clock.monotonic()
            self._wanted[ref] = now
            kept = self._kept.get(ref)
            if kept is not None and now - kept[1] < self._max_age_s:
                return _proof(*kept, now)
            batch = self._under_way if self._serves(ref, now) else self._next
            flight = batch.flights.setdefault(ref, Future())
        if batch is not self._under_way:
            self._send(batch)
        held = landed(flight, self._session.gate)
        return _proof(held, batch.asked_at, self._clock.monotonic())

    def expect(self, hosts: Iterable[Host]) -> bool:
        """See `Prover.expect_proofs`. Where no proof is reused, a call for one host serves no later one."""
        if not self._max_age_s:
            return False
        with self._lock:
            now = self._clock.monotonic()
            missing = [host.ref for host in hosts if not self._within(host.ref, now, _SPENT)]
            self._expected.update(dict.fromkeys(missing))
        return bool(missing)

    def check(self, host: Host) -> None:
        """See, just before the ticket call, that the host's proof still holds.

        The request may have waited for its turn since it was proved, and another may have found
        vCenter to contradict the proof. Raises Refused(UNPROVEN).
        """
        with self._lock:
            kept = self._kept.get(host.ref)
            good_s = max(self._max_age_s, TURN_S)
            if kept is None or self._clock.monotonic() - kept[1] > good_s:
                raise Refused(Reason.UNPROVEN, "the proof ended before the ticket call")

    def drop(self, host: Host) -> None:
        """Trust nothing about the host that was asked before now."""
        with self._lock:
            self._drops += 1
            self._dropped[host.ref] = self._drops
            self._kept.pop(host.ref, None)

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
                for ref in chunk:
                    if isinstance(answers[ref], Refused):
                        self._wanted.pop(ref, None)

    def _due(self) -> list[HostRef]:
        with self._lock:
            now = self._clock.monotonic()
            self._wanted = {r: at for r, at in self._wanted.items() if now - at < HOT_S}
            for ref in self._kept.keys() - self._wanted.keys():
                del self._kept[ref]
            return [ref for ref in self._wanted if not self._within(ref, now, _HALF)]

    def _serves(self, ref: HostRef, now: float) -> bool:
        """Whether the call under way asks about the host, and late enough for a request made now."""
        batch = self._under_way
        young = now - batch.asked_at < self._max_age_s
        return ref in batch.flights and young and self._holds(ref, batch.drops)

    def _holds(self, ref: HostRef, drops: int) -> bool:
        return self._dropped.get(ref, 0) <= drops

    def _send(self, batch: _Batch) -> None:
        """Send the batch, unless another of its requests did while this one waited for its turn."""
        self._session.gate.take(self._calling)
        try:
            with self._lock:
                if batch is not self._next:
                    return
                self._under_way, self._next = batch, _Batch()
                self._take_along(batch)
                batch.asked_at, batch.drops = self._clock.monotonic(), self._drops
            self._fly(batch)
        finally:
            with self._lock:
                self._under_way = _Batch()
            self._calling.release()

    def _take_along(self, batch: _Batch) -> None:
        """Ask about expected hosts with one of them, as far as their proofs do not last for a while."""
        now = self._clock.monotonic()
        known = [ref for ref in batch.flights if ref in self._expected]
        for ref in known:
            del self._expected[ref]
        while known and self._expected and len(batch.flights) < BATCH:
            ref = next(iter(self._expected))
            del self._expected[ref]
            if not self._within(ref, now, _HALF):
                batch.flights.setdefault(ref, Future())
                self._wanted[ref] = now

    def _within(self, ref: HostRef, now: float, share: float) -> bool:
        """Whether there is a proof of the host that has spent less than this share of its time."""
        kept = self._kept.get(ref)
        return kept is not None and now - kept[1] < self._max_age_s * share

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
        for ref, flight in batch.flights.items():
            match answers[ref]:
                case Held() as held:
                    flight.set_result(held)
                case refusal:
                    flight.set_exception(refusal)

    def _keep(self, answers: Mapping[HostRef, Held | Refused], asked_at: float, drops: int) -> None:
        for ref, answer in answers.items():
            kept = self._kept.get(ref)
            if isinstance(answer, Held) and self._holds(ref, drops) and (kept is None or kept[1] <= asked_at):
                self._kept[ref] = (answer, asked_at)
                self._dropped.pop(ref, None)

    def _ask(self, refs: Sequence[HostRef]) -> dict[HostRef, Held | Refused]:
        """One call; where vCenter answers for none, one host may be to blame, so halves are asked."""
        try:
            told = self._session.run(lambda link: fetch_held(link, refs))
        except Refused as refusal:
            if refusal.reason not in _ONE_HOSTS:
                raise
            if len(refs) == 1:
                return {refs[0]: refusal}
        else:
            silent = Refused(Reason.UNPROVEN, "no answer about the host")
            return {ref: told.get(ref, silent) for ref in refs}
        middle = len(refs) // 2
        return {**self._ask(refs[:middle]), **self._ask(refs[middle:])}


def _proof(held: Held, asked_at: float, now: float) -> Proof:
    return Proof(held.host, held.root, held.digest, max(0.0, now - asked_at))
