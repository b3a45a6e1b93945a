"""`broker doctor` as an operator types it, on a site that was applied."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from broker.cli.exits import Exit
from tests.support.stack import HOST, Stack, applied_stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with applied_stack(tmp_path_factory.mktemp("site")) as applied:
        yield applied


def doctor(stack: Stack, *arguments: str) -> tuple[int, str]:
    done = stack.broker("doctor", "--config", str(stack.site.controller_file), *arguments, check=False)
    return done.returncode, done.stdout


def told(stack: Stack, *arguments: str) -> tuple[int, dict[str, Any]]:
    code, text = doctor(stack, "--format", "json", *arguments)
    return code, json.loads(text)


def test_a_site_that_is_well_ends_with_0(stack: Stack) -> None:
    code, report = told(stack)
    assert code == Exit.DONE, report
    assert report["hosts"] > 0
    assert {finding["severity"] for finding in report["findings"]} <= {"warning", "info"}


def test_a_finding_that_is_an_error_ends_with_1_and_says_what_to_do(stack: Stack) -> None:
    stack.lab.control.set_wbem(HOST, running=False)
    try:
        code, report = told(stack, "--host", HOST)
        said = doctor(stack, "--host", HOST)[1]
    finally:
        stack.lab.control.set_wbem(HOST, running=True)
    (finding,) = [each for each in report["findings"] if each["severity"] == "error"]
    assert (code, report["hosts"]) == (Exit.FAILED, 1)
    assert (finding["id"], finding["subject"]) == ("D306", f"host {HOST}")
    assert f"! D306 error: {finding['title']}" in said
    assert f"-> {finding['advice']}" in said
    assert said.splitlines()[-1].startswith("1 error, ")
    assert said.splitlines()[-1].endswith("; looked at 1 vCenter, 1 host")


def test_a_vcenter_that_is_down_ends_with_5(stack: Stack) -> None:
    stack.lab.control.stop_vcenter()
    try:
        code, report = told(stack)
    finally:
        stack.lab.control.start_vcenter()
    assert (code, [finding["id"] for finding in report["findings"]]) == (Exit.VCENTER, ["D001"])
    assert report["not_looked_at"] == report["vcenters"]


def test_a_vcenter_that_the_policy_does_not_have_is_a_mistake(stack: Stack) -> None:
    assert doctor(stack, "--vcenter", "nowhere")[0] == Exit.USAGE


def test_no_secret_is_told(stack: Stack) -> None:
    _, text = doctor(stack, "--log-in", "--format", "json")
    for user in ("broker-controller@vsphere.local", "svc-cim-a@vsphere.local"):
        assert stack.lab.password_file(user).read_text().strip() not in text
