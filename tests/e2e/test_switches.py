"""What operators throw while the product runs: reload, SIGHUP, disable, rotate."""

import signal

from broker.client.api import BrokerClient
from broker.client.errors import BrokerRefused
from broker.demo.files import APP, GRANT
from tests.support.stack import HOST, Stack, end, until


def code(stack: Stack) -> str:
    """The code with which a ticket is refused; nothing where it is issued."""
    with stack.client() as client:
        try:
            client.ticket(HOST, dry_run=True)
        except BrokerRefused as refused:
            return refused.code
    return ""


def test_a_reload_returns_when_every_process_decides_on_the_new_revision(stack: Stack) -> None:
    controller = stack.start("controller", "--config", str(stack.site.controller_file))
    until(lambda: stack.events().count("process_started") == 2, "the controller")
    stack.edit("grants.yaml", lambda grants: grants["grants"][GRANT].update(reason="asked again"))
    answer = stack.process("reload", "--config", str(stack.site.config), "--format", "json")
    assert sorted(line for line in answer.stdout.splitlines() if '"kind"' in line) == [
        '    "kind": "controller",',
        '    "kind": "serve",',
    ]
    assert code(stack) == ""
    assert end(controller) == 0


def test_a_broken_file_keeps_the_old_policy_and_fails_the_reload(stack: Stack) -> None:
    grants = stack.site.config / "grants.yaml"
    good = grants.read_text()
    grants.write_text(good + "surplus: true\n")
    answer = stack.config("reload", check=False)
    assert answer.returncode == 3
    assert "grants.yaml" in answer.stderr
    assert code(stack) == ""
    assert "policy_refused" in stack.events()
    grants.write_text(good)
    stack.config("reload")


def test_a_grant_taken_out_of_the_files_is_gone_after_the_reload(stack: Stack) -> None:
    grants = stack.site.config / "grants.yaml"
    good = grants.read_text()
    grants.write_text("grants: {}\n")
    stack.config("reload")
    assert code(stack) == "not_granted"
    grants.write_text(good)
    stack.config("reload")
    assert code(stack) == ""


def test_a_disabled_grant_is_cut_at_once_without_a_valid_file(stack: Stack) -> None:
    server = stack.site.config / "server.yaml"
    good = server.read_text()
    server.write_text("nonsense: [")
    stack.broker(
        "grants", "disable", GRANT, "--store", str(stack.store), "--audit-keys", str(stack.site.log_keys)
    )
    assert code(stack) == "not_granted"
    stack.broker(
        "grants", "enable", GRANT, "--store", str(stack.store), "--audit-keys", str(stack.site.log_keys)
    )
    assert code(stack) == ""
    server.write_text(good)


def test_a_disabled_app_and_its_tokens_are_cut_at_once(stack: Stack) -> None:
    with stack.client() as client:
        client.ticket(HOST, dry_run=True)
        stack.config("apps", "disable", APP)
        refused = _refused(client)
        assert (refused.status, refused.code) == (401, "unauthenticated")
    assert code(stack) == "invalid_client"
    stack.config("apps", "enable", APP)
    assert code(stack) == ""


def test_a_rotation_revokes_the_tokens_from_before(stack: Stack) -> None:
    with stack.client() as client:
        client.ticket(HOST, dry_run=True)
        stack.config("apps", "rotate", APP)
        assert _refused(client).status == 401
    assert code(stack) == ""


def test_sighup_reloads_without_a_restart(fresh: Stack) -> None:
    process = fresh.serve()
    fresh.ready()
    before = fresh.events().count("policy_reloaded")
    fresh.edit("grants.yaml", lambda grants: grants["grants"][GRANT].update(owner="somebody else"))
    process.send_signal(signal.SIGHUP)
    until(lambda: fresh.events().count("policy_reloaded") == before + 1, "the reload")
    assert fresh.events().count("process_started") == 1
    assert code(fresh) == ""


def _refused(client: BrokerClient) -> BrokerRefused:
    try:
        client.ticket(HOST, dry_run=True)
    except BrokerRefused as refused:
        return refused
    raise AssertionError("the request was let through")
