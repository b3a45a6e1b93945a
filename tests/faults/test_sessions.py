"""Sessions end, log-ins are refused, vCenter restarts: the account is never locked by us, and comes back."""

import secrets
from contextlib import suppress

from pyVmomi import vim

from tests.faults.conftest import Scene
from tests.support.faulty_broker import pass_time
from tests.support.lab import logged_in
from tests.support.stack import until

ACCOUNT = "svc-cim-a@vsphere.local"


def logins(scene: Scene) -> int:
    """How often anybody tried to log in so far."""
    return scene.stack.lab.control.calls()["Login"]


def test_a_session_that_is_killed_is_made_anew_unnoticed(scene: Scene) -> None:
    before = logins(scene)
    scene.stack.lab.control.kill_sessions(ACCOUNT)
    assert scene.witness.ask().status == 200
    assert logins(scene) == before + 1


def test_sessions_killed_under_load_cost_one_log_in_each_and_no_answer(scene: Scene) -> None:
    before, heard = logins(scene), len(scene.witness.heard)
    with scene.witness.asking(4):
        for _ in range(5):
            scene.witness.hears(20)
            scene.stack.lab.control.kill_sessions(ACCOUNT)
    assert {answer.status for answer in scene.witness.heard[heard:]} == {200}
    assert logins(scene) <= before + 6


def test_a_vcenter_that_takes_no_more_sessions_is_not_stormed_and_comes_back(scene: Scene) -> None:
    control, before = scene.stack.lab.control, logins(scene)
    control.allow_sessions(0)
    control.kill_sessions(ACCOUNT)
    codes = {scene.witness.ask().code for _ in range(20)}
    assert codes == {"vcenter_unavailable"}
    assert logins(scene) == before + 1
    control.allow_sessions(3000)
    pass_time(scene.faults, 61)
    until(scene.witness.gets_a_ticket, "a ticket")
    assert logins(scene) == before + 2
    assert "login_latched" not in scene.stack.events()


def test_a_changed_password_is_tried_once_under_load_and_the_new_one_is_picked_up(scene: Scene) -> None:
    control, before, heard = scene.stack.lab.control, logins(scene), len(scene.witness.heard)
    changed = secrets.token_urlsafe(24)
    control.change_password(ACCOUNT, changed)
    assert scene.witness.ask().status == 200, "the session lives on"
    with scene.witness.asking(4):
        control.kill_sessions(ACCOUNT)
        until(lambda: scene.witness.heard[-1].code == "login_latched", "the latch")
        scene.witness.hears(40)
    assert {a.code for a in scene.witness.heard[heard:] if a.status != 200} == {"login_latched"}
    assert logins(scene) == before + 1
    scene.stack.lab.password_file(ACCOUNT).write_text(changed)
    until(scene.witness.gets_a_ticket, "a ticket")
    assert logins(scene) == before + 2


def test_an_account_that_others_locked_is_tried_once_and_waits_for_an_operator(scene: Scene) -> None:
    control, before = scene.stack.lab.control, logins(scene)
    for _ in range(5):
        with suppress(vim.fault.InvalidLogin), logged_in(scene.stack.lab, ACCOUNT, "guessed"):
            raise AssertionError("nobody guesses")
    control.kill_sessions(ACCOUNT)
    assert {scene.witness.ask().code for _ in range(5)} == {"login_latched"}
    assert logins(scene) == before + 5 + 1
    control.advance_clock(301)
    assert scene.witness.ask().code == "login_latched", "nobody said that it may be tried again"
    assert logins(scene) == before + 5 + 1
    scene.stack.config("accounts", "retry", "lab", ACCOUNT)
    until(scene.witness.gets_a_ticket, "a ticket")


def test_a_vcenter_that_restarts_and_keeps_its_sessions_is_used_again(scene: Scene) -> None:
    before = logins(scene)
    scene.stack.lab.control.stop_vcenter()
    assert scene.witness.ask().code == "vcenter_unavailable"
    scene.stack.lab.control.start_vcenter()
    until(scene.witness.gets_a_ticket, "a ticket")
    assert logins(scene) == before


def test_a_vcenter_that_restarts_without_its_sessions_is_logged_in_to_anew(scene: Scene) -> None:
    before = logins(scene)
    scene.stack.lab.control.stop_vcenter()
    scene.stack.lab.control.kill_sessions(ACCOUNT)
    assert scene.witness.ask().code == "vcenter_unavailable"
    scene.stack.lab.control.start_vcenter()
    until(scene.witness.gets_a_ticket, "a ticket")
    assert logins(scene) == before + 1
