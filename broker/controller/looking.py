"""`broker doctor` and `broker roles explain`, put together from the controller's own file: they only read."""

from datetime import datetime
from functools import partial
from pathlib import Path

from broker.audit.reading import AuditReading
from broker.controller.store import opened_store
from broker.doctor.examine import examine
from broker.doctor.finding import Report
from broker.doctor.visit import Instruments, Progress, Wanted
from broker.errors import InvalidName
from broker.explain.explain import explain
from broker.explain.explanation import Explanation, Past, Question
from broker.explain.past import past_of, question_of
from broker.explain.view import ControllersView
from broker.model.names import IssuanceId, VcenterId
from broker.model.policy import Policy, Vcenter
from broker.model.settings import ControllerSettings
from broker.policy.load import load_controller, load_policy
from broker.ports.clock import Clock
from broker.ports.inspection import Inspection
from broker.ports.operation import LoginLatch
from broker.secrets import read_secret
from broker.store.database import Database
from broker.store.entitlements import StoredEntitlements
from broker.store.latches import StoredLatches
from broker.store.processes import StoredProcesses
from broker.vsphere.greeting import TlsGreeter
from broker.vsphere.inspection import PasswordTrial, inspection_of


def examine_from(file: Path, wanted: Wanted, progress: Progress) -> Report:
    """Look at what is wanted.

    Raises ConfigurationErrors, InvalidName for a vCenter that the policy does not have, LogUnavailable.
    """
    settings = load_controller(file)
    policy = load_policy(settings.policy).to_apply()
    if any(vcenter not in policy.vcenters for vcenter in wanted.vcenters):
        raise InvalidName("vCenter", f"one of {', '.join(sorted(policy.vcenters))}")
    with opened_store(settings) as database:
        clock, latches = database.clock, StoredLatches(database)
        instruments = Instruments(
            clock=clock,
            greeter=TlsGreeter(),
            inspection=partial(inspection, settings, latches, clock),
            latched_since=partial(_latched_since, latches),
            trial=lambda vcenter: PasswordTrial(vcenter, latches, clock, read_secret),
            progress=progress,
        )
        return examine(policy, wanted, instruments)


def explain_from(file: Path, question: Question) -> Explanation:
    """Why the app gets a ticket for the host, or why not, by the files as they are now.

    Raises ConfigurationErrors, LogUnavailable.
    """
    settings = load_controller(file)
    with opened_store(settings) as database:
        return _explained(settings, load_policy(settings.policy), question, database)


def explain_issuance_from(file: Path, issuance: IssuanceId) -> tuple[Past, Explanation | None]:
    """What became of an issuance, and what would become of it today; None where it was no ticket request.

    Raises ConfigurationErrors, LogUnavailable, NotOnRecord.
    """
    settings = load_controller(file)
    with opened_store(settings) as database:
        past = past_of(issuance, AuditReading(database).of_issuance(issuance))
        question = question_of(past)
        if question is None:
            return past, None
        return past, _explained(settings, load_policy(settings.policy), question, database)


def _explained(
    settings: ControllerSettings, policy: Policy, question: Question, database: Database
) -> Explanation:
    clock, latches = database.clock, StoredLatches(database)
    processes, _ = StoredProcesses(database).answers(0)
    serving = {process.revision for process in processes if process.kind == "serve"}
    look = partial(inspection, settings, latches, clock)
    view = ControllersView(policy, look, partial(_latched_since, latches))
    try:
        return explain(question, policy, StoredEntitlements(database), clock, view, serving)
    finally:
        view.close()


def inspection(
    settings: ControllerSettings, latch: LoginLatch, clock: Clock, vcenter: Vcenter
) -> Inspection | None:
    """The vCenter on the controller's session; None where its file has no log-in for it."""
    login = settings.logins.get(vcenter.id)
    return None if login is None else inspection_of(vcenter, login, latch, clock, read_secret)


def _latched_since(latches: StoredLatches, vcenter: VcenterId, user: str) -> datetime | None:
    return next((la.at for la in latches.latched() if (la.vcenter, la.user) == (vcenter, user)), None)
