"""What doctor and explain read, on the simulator as it comes: everyone is Admin there, and they say so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.doctor.catalogue import Check
from broker.doctor.examine import examine
from broker.doctor.finding import Report
from broker.doctor.visit import Instruments, Wanted
from broker.errors import Reason
from broker.explain.explain import explain
from broker.explain.explanation import Question
from broker.explain.view import ControllersView
from broker.model.names import HostName
from broker.model.policy import Vcenter
from broker.model.settings import ControllerLogin
from broker.vsphere.greeting import TlsGreeter
from broker.vsphere.inspection import PasswordTrial, VcenterInspection, inspection_of
from tests.contract.site import ADMINS_PASSWORD, Site, broker_on
from tests.support.issuing import CALLER
from tests.support.vcsim import ADMIN, Simulator


@pytest.fixture
def site(stock: Simulator, tmp_path: Path) -> Iterator[Site]:
    with broker_on(stock, tmp_path, ["/DC0/host/DC0_C0"]) as site:
        yield site


def inspection(site: Site, vcenter: Vcenter) -> VcenterInspection:
    login = ControllerLogin(ADMIN.name, ADMINS_PASSWORD)
    return inspection_of(vcenter, login, site.latches, site.clock, site.read_secret)


def examined(site: Site) -> Report:
    instruments = Instruments(
        clock=site.clock,
        greeter=TlsGreeter(),
        inspection=lambda vcenter: inspection(site, vcenter),
        latched_since=lambda *_: None,
        trial=lambda vcenter: PasswordTrial(vcenter, site.latches, site.clock, site.read_secret),
        progress=lambda *_: None,
    )
    return examine(site.policy, Wanted(log_in=True), instruments)


def test_a_vcenter_where_everyone_is_admin_is_looked_at_to_the_end(site: Site) -> None:
    report = examined(site)
    checks = {finding.check for finding in report.findings}
    assert (report.unseen, report.hosts) == ((), 3), [f.text for f in report.findings]
    assert {Check.ADMINISTRATOR, Check.ACCOUNT_EXCEEDS, Check.ROOT_HELD, Check.CIM_STOPPED_ADVISED} <= checks


def test_a_refusal_is_explained_as_a_request_meets_it(site: Site) -> None:
    assert site.apply().problems == ()
    site.told.grants_applied = {applied.grant: applied for applied in site.grants.all()}
    view = ControllersView(site.policy, lambda vcenter: inspection(site, vcenter), lambda *_: None)
    question = Question(CALLER.app, HostName("dc0_c0_h0"))
    try:
        told = explain(question, site.policy, site.told, site.clock, view, ())
    finally:
        view.close()
    assert told.verdict.reason is Reason.OVER_PRIVILEGED
    assert [grant.names_host for grant in told.grants] == [True]
