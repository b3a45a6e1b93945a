"""Known secrets go through every path, errors and DEBUG included, and show up nowhere."""

import base64
import json
from contextlib import suppress

import requests

from broker.client.errors import ClientError
from broker.demo.files import APP
from broker.demo.processes import free_port
from tests.support.scraping import MeasuredStack
from tests.support.sinks import everything_written, exported, leaked, secrets_of
from tests.support.stack import HOST, OUTSIDE, Stack, end, until

ACCOUNT = "svc-cim-a@vsphere.local"
MINT = "AcquireCimServicesTicket"


def ask(stack: Stack, token: str, body: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return stack.post("/v1/tickets", data=body.encode(), headers=headers)


def test_no_known_secret_shows_up_in_any_output(fresh: Stack) -> None:
    port = free_port()
    fresh.edit("server.yaml", lambda server: server.update(metrics={"port": port}))
    _operate(fresh, "apps", "rotate", APP, "--secret-file", str(fresh.site.root / "app.secret"))
    controller = fresh.start(
        "controller", "--config", str(fresh.site.controller_file), "--log-level", "debug"
    )
    process = fresh.serve("--log-level", "debug")
    fresh.ready()
    told = secrets_of(fresh) | {"app secret": (fresh.site.root / "app.secret").read_text().strip()}
    told |= _successes(fresh)
    _refusals(fresh, told["access token"])
    _faults_of_vcenter(fresh)
    _inline_secret(fresh, told["password of svc-cim-a@vsphere.local"])
    metrics = MeasuredStack(fresh, port).scrape()
    assert end(process) == 0
    assert end(controller) == 0
    assert metrics.value("broker_degraded", code="login_latched") == 1
    assert leaked(told, everything_written(fresh) + exported(fresh) + metrics.text) == []


def _operate(stack: Stack, *command: str) -> int:
    """In a process of its own, whose every word is kept."""
    return stack.process(*command, "--config", str(stack.site.config), check=False).returncode


def _successes(stack: Stack) -> dict[str, str]:
    token = stack.access_token()
    answer = ask(stack, token, json.dumps({"host": HOST})).json()
    out = stack.site.root / "ticket.json"
    credentials = (("--key", str(stack.site.app_key)), ("--secret-file", str(stack.site.root / "app.secret")))
    tickets = {"ticket": answer["session_id"], "access token": token}
    for number, credential in enumerate(credentials):
        stack.process("ticket", HOST, *stack.as_app(), "--output", str(out), *credential)
        tickets[f"ticket of the command {number}"] = json.loads(out.read_text())["session_id"]
        out.unlink()
    return tickets


def _refusals(stack: Stack, token: str) -> None:
    secret = (stack.site.root / "app.secret").read_text().strip()
    bodies = ({"host": OUTSIDE}, {"host": 1}, {"host": secret}, {secret: 1})
    for body in ("{", *(json.dumps(body) for body in bodies)):
        ask(stack, token, body)
        ask(stack, token + "x", body)
    wrong = base64.b64encode(f"{APP}:{secret}x".encode()).decode()
    right = base64.b64encode(f"nobody:{secret}".encode()).decode()
    for pair in (wrong, right):
        stack.post(
            "/oauth2/token",
            data={"grant_type": "client_credentials"},
            headers={"Authorization": f"Basic {pair}"},
        )
    stack.post(f"/v1/tickets?access_token={token}", data={"client_secret": secret})
    with suppress(requests.RequestException):
        stack.get(f"/v1/issuances/{secret}")


def _faults_of_vcenter(stack: Stack) -> None:
    control = stack.lab.control
    for fault in ("NoPermission", "HostCommunication", "SystemError", "NotAuthenticated"):
        control.set_fault(MINT, fault, 1)
        _ask_and_forget(stack)
    control.set_drop(MINT, 1)
    _ask_and_forget(stack)
    control.kill_sessions(ACCOUNT)
    _ask_and_forget(stack)
    control.change_password(ACCOUNT, "canary-password-2")
    control.kill_sessions(ACCOUNT)
    _ask_and_forget(stack)
    until(lambda: "login_latched" in stack.events(), "the latch")


def _ask_and_forget(stack: Stack) -> None:
    with stack.client() as client, suppress(ClientError):
        client.ticket(HOST)


def _inline_secret(stack: Stack, password: str) -> None:
    """An admin writes the password where its reference belongs: refused, and not repeated."""
    stack.edit("accounts.yaml", lambda a: a["accounts"]["cim-a"].update(password=password))
    assert _operate(stack, "reload") == 3
    assert _operate(stack, "config", "check") == 3
