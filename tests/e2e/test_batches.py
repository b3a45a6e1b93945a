"""A batch over the real wire: 100 hosts at a time, each on record before its line is read."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.cli.exits import Exit
from broker.client.api import HostTicket
from broker.client.cim import cim_connection, sensors
from broker.vsphere.facts import TOGETHER
from tests.support.catalogue import misfits
from tests.support.stack import HOST, Stack, applied_stack, until

HOSTS = 100
OUTSIDE = "esx0150.lab.example"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A hundred hosts in the grant's scope, served with the bare default."""
    with applied_stack(tmp_path_factory.mktemp("site"), hosts=2 * HOSTS + 2) as running:
        running.serve("--log-level", "debug")
        running.ready()
        yield running


def in_scope(stack: Stack) -> list[str]:
    found = [host["name"] for host in stack.lab.control.hosts() if "cluster-01" in host["path"]]
    assert len(found) == HOSTS
    return found


def ask(stack: Stack, hosts: list[str], key: str | None = None, **more: object) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {stack.access_token()}"}
    if key is not None:
        headers["Idempotency-Key"] = key
    answer = stack.post("/v1/tickets:batch", json={"hosts": hosts, **more}, headers=headers)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.iter_lines()]


def test_a_hundred_hosts_have_a_ticket_each_and_both_records_of_it(stack: Stack) -> None:
    minted = stack.lab.control.tickets_minted()

    lines = ask(stack, in_scope(stack))

    assert lines[-1] == {"summary": {"asked": 100, "issued": 100, "refused": 0, "not_attempted": 0}}
    assert stack.lab.control.tickets_minted() - minted == HOSTS
    issuances = {line["ticket"]["issuance"] for line in lines[:-1]}
    told = Counter(
        record["event"] for record in stack.records() if record["fields"].get("issuance") in issuances
    )
    assert told == {"ticket_intent": HOSTS, "ticket_issued": HOSTS}


def test_what_is_wrong_with_one_host_stands_in_its_line_alone(stack: Stack) -> None:
    stopped = in_scope(stack)[1]
    stack.lab.control.disconnect_host(stopped)
    try:
        until(lambda: codes(ask(stack, [stopped])) == {stopped: "host_disconnected"}, "the host's state")
        lines = ask(stack, [HOST, stopped, OUTSIDE, "no-such-host.example.com"])
    finally:
        stack.lab.control.reconnect_host(stopped)

    assert codes(lines) == {
        HOST: "",
        stopped: "host_disconnected",
        OUTSIDE: "not_granted",
        "no-such-host.example.com": "not_granted",
    }
    assert lines[-1]["summary"] == {"asked": 4, "issued": 1, "refused": 3, "not_attempted": 0}


def codes(lines: list[dict[str, Any]]) -> dict[str, str]:
    """Of each host the reason's code, empty where there is a ticket."""
    hosts = [line for line in lines if "index" in line]
    return {line["host"]: line.get("problem", {}).get("code", "") for line in hosts}


def test_a_key_counts_for_each_host_from_batch_to_batch(stack: Stack) -> None:
    one, two, three = in_scope(stack)[:3]
    first = {line["host"]: line["ticket"] for line in ask(stack, [one, two], key="poll-1")[:-1]}

    lines = {line["host"]: line for line in ask(stack, [three, two], key="poll-1")[:-1]}

    assert lines[two]["ticket"]["issuance"] == first[two]["issuance"]
    assert lines[two]["ticket"]["session_id"] != first[two]["session_id"]
    assert (lines[two]["replayed"], lines[two]["ticket"]["attempt"]) == ("reissued", 2)
    assert (lines[three]["replayed"], lines[three]["ticket"]["attempt"]) == (None, 1)


def test_privileges_on_all_hosts_are_read_in_one_call_and_what_they_run_in_few(stack: Stack) -> None:
    forget_all(stack)
    before = stack.lab.control.calls()

    assert ask(stack, in_scope(stack))[-1]["summary"]["issued"] == HOSTS

    calls = Counter(stack.lab.control.calls())
    calls.subtract(before)
    assert calls["FetchUserPrivilegeOnEntities"] == 1
    assert calls["RetrievePropertiesEx"] == math.ceil(HOSTS / TOGETHER)


def forget_all(stack: Stack) -> None:
    """Have the broker begin anew with its vCenter, and wait until it knows the hosts again."""
    stack.edit("vcenters.yaml", lambda file: file["vcenters"]["lab"].update(connect_timeout_s=4.5))
    stack.config("reload")
    with stack.client() as client:
        until(lambda: not client.hosts().incomplete, "the inventory")


def test_what_a_reader_who_goes_leaves_behind_stands_in_the_log(stack: Stack) -> None:
    control, before = stack.lab.control, len(stack.records())
    minted, hosts = control.tickets_minted(), in_scope(stack)
    control.set_latency("AcquireCimServicesTicket", 0.1)
    headers = {"Authorization": f"Bearer {stack.access_token()}"}
    answer = stack.post("/v1/tickets:batch", json={"hosts": hosts}, headers=headers, stream=True)
    next(answer.iter_lines())
    answer.close()
    until(lambda: "not_attempted" in stack.events(), "the record of the rest")
    control.set_latency("AcquireCimServicesTicket", 0)

    told: dict[str, list[dict[str, Any]]] = {}
    for record in stack.records()[before:]:
        told.setdefault(record["event"], []).append(record["fields"])
    assert misfits(stack.records()[before:]) == []
    (left,) = told["not_attempted"]
    begun = {fields["host"] for fields in told["ticket_intent"]}
    assert left["issuance"] == answer.headers["Broker-Request-Id"]
    assert (left["ended_by"], left["count"]) == ("disconnected", HOSTS - len(begun))
    assert left["hosts"] == [host for host in hosts if host not in begun]
    assert {fields["host"] for fields in told["ticket_issued"]} == begun
    assert control.tickets_minted() - minted == len(begun) < HOSTS


def test_the_command_prints_a_line_for_each_host_and_says_that_some_were_refused(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "hosts").write_text(f"# rack 1\n{HOST}\n\n{OUTSIDE}  # not ours\n")
    at, who = stack.as_app(), ("--key", str(stack.site.app_key))

    done = stack.process("tickets", *at, *who, "--hosts-file", str(tmp_path / "hosts"), check=False)

    lines = {line["host"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert lines[HOST]["ticket"]["session_id"]
    assert lines[OUTSIDE]["refused"]["code"] == "not_granted"
    assert (done.returncode, done.stderr) == (Exit.REFUSED, "Error: 1 of 2 hosts were refused a ticket\n")
    assert stack.broker("tickets", *at, *who, check=False).returncode == Exit.USAGE
    (tmp_path / "hosts").write_text(f"{HOST}\nno host\n")
    mistyped = stack.broker("tickets", *at, *who, "--hosts-file", str(tmp_path / "hosts"), check=False)
    assert (mistyped.returncode, "line 2: 'no host': host is not" in mistyped.stderr) == (Exit.USAGE, True)


def test_a_client_uses_each_ticket_as_it_comes(stack: Stack) -> None:
    with stack.client() as client:
        for result in client.tickets([HOST, "esx0002.lab.example"]):
            assert isinstance(result, HostTicket)
            with cim_connection(result.ticket, result.host) as connection:
                assert sensors(connection)
