"""The examination: reads through ports, vCenter by vCenter, and hands what it read to the pure parts.

In this order, since one thing makes sense only after another: TLS, log-in, clock; what stands in the
whole vCenter, in one look; then the visit itself (`visit`).
"""

from collections.abc import Iterator

from broker.doctor.catalogue import Check
from broker.doctor.connection import of_clock, of_greeting
from broker.doctor.finding import Finding, Report
from broker.doctor.reach import reaches, unresolved
from broker.doctor.visit import Instruments, Seen, Visit, Wanted, of_visit
from broker.errors import LogUnavailable, Refused
from broker.model.names import HostName
from broker.model.policy import Policy, Vcenter
from broker.ports.inspection import Handshake, Inspection


def examine(policy: Policy, wanted: Wanted, instruments: Instruments) -> Report:
    """Look at all of it. Raises LogUnavailable; everything else that fails is a finding."""
    seen = Seen()
    vcenters = wanted.vcenters or tuple(sorted(policy.vcenters))
    findings = [
        finding
        for vcenter in vcenters
        for finding in _Examination(policy, policy.vcenters[vcenter], wanted, instruments, seen).findings()
    ]
    findings += (_not_found(name) for name in wanted.hosts if name not in seen.found)
    return Report(tuple(findings), vcenters, seen.hosts, tuple(seen.unseen))


def _not_found(name: HostName) -> Finding:
    text = "no vCenter shows exactly one host of that name"
    return Finding(Check.HOST_NOT_FOUND, None, f"host {name}", text)


class _Examination:
    """Of one vCenter."""

    def __init__(
        self, policy: Policy, vcenter: Vcenter, wanted: Wanted, instruments: Instruments, seen: Seen
    ) -> None:
        self._policy = policy
        self._vcenter = vcenter
        self._wanted = wanted
        self._with = instruments
        self._seen = seen

    def findings(self) -> Iterator[Finding]:
        greeting = self._with.greeter.greet(self._vcenter)
        yield from of_greeting(self._vcenter.id, greeting, self._with.clock.now())
        inspection = self._with.inspection(self._vcenter)
        if inspection is None:
            yield Finding(Check.NO_LOGIN, self._vcenter.id, "vcenter", "the controller's file names none")
        if inspection is None or greeting.handshake is not Handshake.VERIFIED:
            self._seen.unseen[self._vcenter.id] = None
            return
        refused_at = Check.LOGIN_REFUSED
        try:
            user = inspection.user()
            refused_at = Check.CANNOT_LOOK
            yield from self._inside(inspection, user)
        except LogUnavailable:
            raise
        except Refused as refusal:
            self._seen.unseen[self._vcenter.id] = None
            yield Finding(refused_at, self._vcenter.id, "vcenter", str(refusal))
        finally:
            inspection.close()

    def _inside(self, inspection: Inspection, user: str) -> Iterator[Finding]:
        before = self._with.clock.now()
        theirs = inspection.now()
        yield from of_clock(self._vcenter.id, theirs, before, self._with.clock.now())
        survey = inspection.survey()
        yield from unresolved(self._policy, self._vcenter.id, survey)
        visit = Visit(
            policy=self._policy,
            vcenter=self._vcenter,
            inspection=inspection,
            user=user,
            survey=survey,
            reached=reaches(self._policy, self._vcenter.id, survey),
            theirs=theirs,
            wanted=self._wanted,
            instruments=self._with,
            seen=self._seen,
        )
        yield from of_visit(visit)
