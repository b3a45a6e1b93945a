"""Who comes in, who stays, who goes."""

from datetime import timedelta
from http.client import HTTPException
from pathlib import Path

import pytest
from pyVmomi import vim, vmodl

from broker.lab.vcenter.vcenter import VCenterOptions
from tests.support.lab_vcenter import PASSWORDS, LabVCenter, SessionLimits, lab_vcenter

HOST = "Host.Cim.CimInteraction"


def failed_login(lab: LabVCenter, user: str, password: str = "wrong") -> None:
    manager = lab.connect().RetrieveContent().sessionManager
    with pytest.raises(vim.fault.InvalidLogin):
        manager.Login(f"{user}@vsphere.local", password)


def test_the_session_names_its_user_in_the_domain_form(lab: LabVCenter) -> None:
    session = lab.login().sessionManager.currentSession
    assert session.userName == r"VSPHERE.LOCAL\administrator"
    assert session.callCount == 0
    assert lab.sessions.find(session.key) is not None


@pytest.mark.parametrize("name", [r"VSPHERE.LOCAL\administrator", "Administrator@VSPHERE.LOCAL"])
def test_a_user_may_be_written_in_both_forms_and_any_case(lab: LabVCenter, name: str) -> None:
    session = lab.connect().RetrieveContent().sessionManager.Login(name, PASSWORDS["administrator"])
    assert session.userName == r"VSPHERE.LOCAL\administrator"


def test_the_api_answers_who_asks_without_a_session_only_what_anyone_may_know(lab: LabVCenter) -> None:
    content = lab.connect().RetrieveContent()
    assert content.about.apiType == "VirtualCenter"
    assert content.sessionManager.currentSession is None
    with pytest.raises(vim.fault.NotAuthenticated):
        content.rootFolder.childEntity  # noqa: B018 - reading is the call
    with pytest.raises(vim.fault.NotAuthenticated):
        content.viewManager.CreateContainerView(content.rootFolder, [], recursive=True)


@pytest.mark.parametrize(
    ("user", "password"), [("administrator", "wrong"), ("nobody", "any"), ("svc-cim-a", "")]
)
def test_a_wrong_password_and_an_unknown_user_look_alike(lab: LabVCenter, user: str, password: str) -> None:
    failed_login(lab, user, password)
    event = lab.events.latest()
    assert isinstance(event, vim.event.BadUsernameSessionEvent)
    assert event.ipAddress == "127.0.0.1"


def test_five_wrong_passwords_lock_the_user_and_time_opens_it(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", "group-d1", ["System.View"])
    for _ in range(5):
        failed_login(lab, "svc-cim-a")
    failed_login(lab, "svc-cim-a", PASSWORDS["svc-cim-a"])
    lab.clock.advance(301)
    assert lab.login("svc-cim-a").sessionManager.currentSession.userName == r"VSPHERE.LOCAL\svc-cim-a"


def test_failures_further_apart_than_the_window_lock_nobody(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", "group-d1", ["System.View"])
    for _ in range(8):
        failed_login(lab, "svc-cim-a")
        lab.clock.advance(60)
    assert lab.login("svc-cim-a").sessionManager.currentSession is not None


def test_the_right_password_clears_the_count(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", "group-d1", ["System.View"])
    for _ in range(2):
        for _ in range(4):
            failed_login(lab, "svc-cim-a")
        lab.login("svc-cim-a")


def test_the_system_account_is_never_locked(lab: LabVCenter) -> None:
    for _ in range(6):
        failed_login(lab, "administrator")
    assert lab.login().sessionManager.currentSession is not None


def test_a_user_without_any_permission_may_not_come_in(lab: LabVCenter) -> None:
    manager = lab.connect().RetrieveContent().sessionManager
    with pytest.raises(vim.fault.NoPermission) as refused:
        manager.Login("svc-cim-a@vsphere.local", PASSWORDS["svc-cim-a"])
    assert not isinstance(refused.value, vim.fault.NotAuthenticated)
    assert refused.value.privilegeId == "System.View"
    assert isinstance(lab.events.latest(), vim.event.NoAccessUserEvent)


def test_a_permission_on_one_host_is_enough_to_come_in(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", lab.moid("DC1/host/cluster-01"), [HOST])
    assert lab.login("svc-cim-a").sessionManager.currentSession is not None


def test_a_second_login_on_a_session_is_refused(lab: LabVCenter) -> None:
    manager = lab.login().sessionManager
    with pytest.raises(vim.fault.InvalidLogin):
        manager.Login("administrator@vsphere.local", PASSWORDS["administrator"])
    assert isinstance(lab.events.latest(), vim.event.AlreadyAuthenticatedSessionEvent)


def test_an_unknown_locale_is_refused(lab: LabVCenter) -> None:
    manager = lab.connect().RetrieveContent().sessionManager
    with pytest.raises(vim.fault.InvalidLocale):
        manager.Login("administrator@vsphere.local", PASSWORDS["administrator"], "tlh")


def test_logging_out_ends_the_session_and_what_it_made(lab: LabVCenter) -> None:
    content = lab.login()
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.HostSystem], recursive=True)
    key = content.sessionManager.currentSession.key
    content.sessionManager.Logout()
    with pytest.raises(vim.fault.NotAuthenticated):
        content.viewManager.viewList  # noqa: B018 - reading is the call
    lab.login()
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        vim.view.ContainerView(view._GetMoId(), lab.stubs[-1]).DestroyView()
    assert lab.sessions.find(key) is None
    out = next(each for each in lab.events.all() if isinstance(each, vim.event.UserLogoutSessionEvent))
    assert (out.sessionId, out.userName) == (key, r"VSPHERE.LOCAL\administrator")


def test_a_silent_session_ends_after_thirty_minutes_of_the_labs_clock(lab: LabVCenter) -> None:
    content = lab.login()
    lab.clock.advance(29 * 60)
    assert content.sessionManager.currentSession is not None
    lab.clock.advance(29 * 60)
    assert content.sessionManager.currentSession is not None
    lab.clock.advance(30 * 60)
    assert content.sessionManager.currentSession is None
    with pytest.raises(vim.fault.NotAuthenticated):
        content.rootFolder.name  # noqa: B018 - reading is the call


def test_sessions_are_listed_to_who_may_end_them(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", "group-d1", ["System.View"])
    low, admin = lab.login("svc-cim-a"), lab.login()
    with pytest.raises(vim.fault.NoPermission) as refused:
        low.sessionManager.sessionList  # noqa: B018 - reading is the call
    assert refused.value.privilegeId == "Sessions.TerminateSession"
    listed = {each.userName: each for each in admin.sessionManager.sessionList}
    assert set(listed) == {r"VSPHERE.LOCAL\svc-cim-a", r"VSPHERE.LOCAL\administrator"}
    assert listed[r"VSPHERE.LOCAL\svc-cim-a"].userAgent.startswith("pyvmomi")
    assert listed[r"VSPHERE.LOCAL\svc-cim-a"].callCount > 0


def test_somebody_elses_session_can_be_ended_but_not_ones_own(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", "group-d1", ["System.View"])
    low, admin = lab.login("svc-cim-a"), lab.login()
    theirs, mine = low.sessionManager.currentSession.key, admin.sessionManager.currentSession.key
    with pytest.raises(vmodl.fault.InvalidArgument):
        admin.sessionManager.TerminateSession([mine])
    with pytest.raises(vim.fault.NotFound):
        admin.sessionManager.TerminateSession(["no-such-key"])
    admin.sessionManager.TerminateSession([theirs])
    with pytest.raises(vim.fault.NotAuthenticated):
        low.rootFolder.name  # noqa: B018 - reading is the call
    event = lab.events.latest()
    assert isinstance(event, vim.event.SessionTerminatedEvent)
    assert event.terminatedUsername == r"VSPHERE.LOCAL\svc-cim-a"


def test_whether_a_session_is_active_is_told_to_who_may_ask(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", "group-d1", ["System.View", "Sessions.ValidateSession"])
    low = lab.login("svc-cim-a")
    session = low.sessionManager.currentSession
    assert low.sessionManager.SessionIsActive(session.key, session.userName)
    assert not low.sessionManager.SessionIsActive(session.key, r"VSPHERE.LOCAL\administrator")
    assert not low.sessionManager.SessionIsActive("no-such-key", session.userName)


def test_a_session_more_than_there_may_be_is_turned_away(tmp_path: Path) -> None:
    options = VCenterOptions(limits=SessionLimits(idle=timedelta(minutes=30), most=2))
    with lab_vcenter(tmp_path, options=options) as lab:
        lab.login()
        lab.login()
        with pytest.raises(HTTPException, match="503"):
            lab.login()
        lab.clock.advance(31 * 60)
        lab.login()


def test_killing_a_users_sessions_leaves_the_others(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", "group-d1", ["System.View"])
    low, admin = lab.login("svc-cim-a"), lab.login()
    assert lab.sessions.kill(r"VSPHERE.LOCAL\svc-cim-a") == 1
    assert low.sessionManager.currentSession is None
    assert admin.sessionManager.currentSession is not None


def test_a_changed_password_is_asked_for_at_the_next_login(lab: LabVCenter) -> None:
    admin = lab.login()
    lab.users.change_password("administrator@vsphere.local", "another")
    failed_login(lab, "administrator", PASSWORDS["administrator"])
    assert admin.sessionManager.currentSession is not None
    with pytest.raises(KeyError):
        lab.users.change_password("nobody", "another")


def test_the_labs_clock_is_the_vcenters(lab: LabVCenter) -> None:
    instance = lab.connect()
    instance.RetrieveContent().sessionManager.Login("administrator@vsphere.local", PASSWORDS["administrator"])
    before = instance.CurrentTime()
    lab.clock.advance(600)
    assert instance.CurrentTime() - before >= timedelta(minutes=10)
    assert instance.serverClock >= before
