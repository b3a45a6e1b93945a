"""`broker roles plan` and `broker roles apply` as somebody types them, against the lab."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from broker.cli import main
from broker.cli.exits import Exit
from broker.clock import SystemClock
from broker.store.database import Database
from tests.support.lab_vcenter import LabVCenter
from tests.support.log_keys import LOG_KEYS
from tests.support.policy_files import PolicyFiles

CLUSTER = "/DC1/host/cluster-01"


@pytest.fixture
def store(files: PolicyFiles) -> Iterator[Database]:
    opened = Database.open(files.folder / "broker.db", SystemClock(), LOG_KEYS)
    yield opened
    opened.close()


def roles(files: PolicyFiles, *words: str) -> Result:
    line = ["roles", *words, "--config", str(files.folder / "controller.yaml")]
    return CliRunner().invoke(main, line, prog_name="broker")


def told(result: Result) -> Any:
    return json.loads(result.stdout)


def test_a_plan_reads_privilege_by_privilege_and_permission_by_permission(files: PolicyFiles) -> None:
    result = roles(files, "plan")
    hosts = "4 hosts: esx0001.lab.example, esx0002.lab.example, esx0003.lab.example and 1 more"
    assert result.stdout.splitlines() == [
        "vCenter prod",
        "  + role cim-broker-cim-ticket: create, template cim-ticket of grant nagios-dc1",
        "      + Host.Cim.CimInteraction",
        f"  + permission of VSPHERE.LOCAL\\svc-cim-a on {CLUSTER} (and below): role cim-broker-cim-ticket",
        f"      grant nagios-dc1; reaches {hosts}",
        "  + grant nagios-dc1: in force as VSPHERE.LOCAL\\svc-cim-a with role cim-broker-cim-ticket",
        f"      app nagios, disks fail; reaches {hosts}",
        "3 to do, 0 grants unchanged, 0 problems",
    ]
    assert result.exit_code == Exit.DONE


def test_a_plan_is_in_colour_where_somebody_sees_it(files: PolicyFiles) -> None:
    line = ["roles", "plan", "--config", str(files.folder / "controller.yaml")]
    seen = CliRunner().invoke(main, line, prog_name="broker", color=True).stdout
    assert "\x1b[32m      + Host.Cim.CimInteraction\x1b[0m" in seen


def test_whether_there_is_something_to_do_is_an_exit_code_for_whoever_asks(files: PolicyFiles) -> None:
    assert roles(files, "plan", "--exit-code").exit_code == Exit.CHANGES
    assert roles(files, "apply").exit_code == Exit.DONE
    again = roles(files, "plan", "--exit-code")
    assert (again.exit_code, again.stdout) == (Exit.DONE, "0 to do, 1 grant unchanged, 0 problems\n")


def test_a_saved_plan_is_its_owners_alone_and_is_what_apply_does(files: PolicyFiles) -> None:
    out = files.folder / "plan.json"
    assert roles(files, "plan", "--out", str(out)).exit_code == Exit.DONE
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    saved = json.loads(out.read_text())
    assert roles(files, "plan", "--out", str(out)).exit_code == Exit.CONFLICT
    report = told(roles(files, "apply", str(out), "--format", "json"))
    assert (report["plan"], report["problems"]) == (saved["digest"], [])
    assert [change["event"] for change in report["changes"]] == [
        "role_created",
        "permission_set",
        "grant_applied",
    ]


def test_an_outdated_plan_says_what_moved_on_and_does_nothing(files: PolicyFiles, lab: LabVCenter) -> None:
    out = files.folder / "plan.json"
    roles(files, "plan", "--out", str(out))
    lab.grant("svc-cim-a", lab.moid(CLUSTER.removeprefix("/")), ["Global.Health"])
    result = roles(files, "apply", str(out))
    assert result.exit_code == Exit.CONFLICT
    assert "this plan is outdated; plan again" in result.stderr
    assert "none when planned, role no." in result.stderr
    assert "cim-broker-cim-ticket" not in {role.name for role in lab.model.roles()}


@pytest.mark.parametrize("text", ["", "{}", "[1]", "\x00", '{"schema": 1, "plan": {"asked": {}}}'])
def test_what_is_no_plan_is_a_usage_error(files: PolicyFiles, text: str) -> None:
    result = roles(files, "apply", str(files.put("plan.json", text)))
    assert result.exit_code == Exit.USAGE
    assert "plan" in result.stderr


def test_a_plan_says_itself_what_to_prune(files: PolicyFiles) -> None:
    out = files.folder / "plan.json"
    roles(files, "plan", "--out", str(out))
    assert roles(files, "apply", str(out), "--prune").exit_code == Exit.USAGE


def test_a_conflict_is_named_and_has_its_exit_code(files: PolicyFiles, lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", lab.moid(CLUSTER.removeprefix("/")), ["Global.Health"])
    for command in ("plan", "apply"):
        result = roles(files, command)
        assert result.exit_code == Exit.CONFLICT
        assert f"! conflict: nagios-dc1 on prod: {CLUSTER}: VSPHERE.LOCAL\\svc-cim-a has a permission" in (
            result.stderr
        )


def test_an_apply_tells_what_it_did_as_the_plan_does(files: PolicyFiles) -> None:
    assert roles(files, "apply").stdout.splitlines() == [
        "vCenter prod",
        "  + role cim-broker-cim-ticket: created",
        "      + Host.Cim.CimInteraction",
        f"  + permission of VSPHERE.LOCAL\\svc-cim-a on {CLUSTER}: role cim-broker-cim-ticket",
        "      before: nothing",
        "  + grant nagios-dc1: in force as VSPHERE.LOCAL\\svc-cim-a",
        "3 changed, 0 unchanged, 0 problems",
    ]
    assert roles(files, "apply").stdout.splitlines() == [
        "  grant nagios-dc1 stands as it is written",
        "0 changed, 1 unchanged, 0 problems",
    ]


def test_the_folder_of_the_controllers_file_names_it_too(files: PolicyFiles) -> None:
    line = ["roles", "plan", "--config", str(files.folder)]
    assert CliRunner().invoke(main, line, prog_name="broker").exit_code == Exit.DONE


@pytest.mark.parametrize("command", [("plan", "--follow"), ("apply", "--follow"), ("adopt",)])
def test_a_grant_that_the_policy_does_not_have_is_a_usage_error(
    files: PolicyFiles, command: tuple[str, ...]
) -> None:
    refused = roles(files, *command, "nagios-dc2")
    assert refused.exit_code == Exit.USAGE
    assert "expected one of grants.yaml: nagios-dc1" in refused.stderr


def test_where_nothing_drifted_there_is_nothing_to_restore_or_adopt(files: PolicyFiles) -> None:
    roles(files, "apply")
    for command in ("restore", "adopt"):
        resolved = roles(files, command)
        assert (resolved.exit_code, "Nothing drifted" in resolved.stderr) == (Exit.DONE, True)
    refused = roles(files, "restore", "nagios-dc1")
    assert (refused.exit_code, "one that drifted: there is none" in refused.stderr) == (Exit.USAGE, True)


def test_of_two_applies_at_once_one_refuses(files: PolicyFiles, store: Database) -> None:
    with store.turn("apply", within_s=0.0) as mine:
        assert mine
        refused = roles(files, "apply")
    assert (refused.exit_code, "another apply works on this store" in refused.stderr) == (Exit.CONFLICT, True)
    assert roles(files, "apply").exit_code == Exit.DONE


def test_pruning_removes_what_the_policy_no_longer_names(files: PolicyFiles, lab: LabVCenter) -> None:
    roles(files, "apply")
    files.change("grants.yaml", f"scope: [{CLUSTER}]", "scope: [/DC1/host/Racks]")
    kept = told(roles(files, "plan", "--format", "json"))["vcenters"][0]["kept"]
    assert [each["reason"] for each in kept] == ["--prune removes it"]
    report = told(roles(files, "apply", "--prune", "--format", "json"))
    assert "permission_removed" in [change["event"] for change in report["changes"]]
    held = [p.entity for p in lab.model.permissions() if p.principal.endswith("svc-cim-a")]
    assert held == [lab.moid("DC1/host/Racks")]


def test_a_vcenter_that_is_away_has_its_exit_code(files: PolicyFiles, tmp_path: Path) -> None:
    text = (files.folder / "vcenters.yaml").read_text()
    files.put("vcenters.yaml", text.replace("port: ", "port: 1 #"))
    for command in ("plan", "apply"):
        away = roles(files, command)
        assert away.exit_code == Exit.VCENTER
        assert "! unreachable: vCenter prod: " in away.stderr
        assert "`broker doctor` says what is wrong there" in away.stderr


def test_what_could_not_be_looked_at_is_not_said_to_hold(files: PolicyFiles) -> None:
    roles(files, "apply")
    assert roles(files, "drift").stdout == "1 hold, 0 drifted, 0 not applied\n"
    text = (files.folder / "vcenters.yaml").read_text()
    files.put("vcenters.yaml", text.replace("port: ", "port: 1 #"))
    away = roles(files, "drift")
    assert away.exit_code == Exit.VCENTER
    assert away.stdout == "0 hold, 0 drifted, 0 not applied, 1 could not be looked at\n"
    assert told(roles(files, "drift", "--format", "json"))["hold"] == []


def test_a_long_apply_says_meanwhile_where_it_is(files: PolicyFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.cli.roles.progress._EVERY_S", 0.0)
    said = roles(files, "apply", "--format", "json").stderr.splitlines()
    assert said[0].startswith("... step 1: + role cim-broker-cim-ticket: create, template cim-ticket")
    assert [line.partition(":")[0] for line in said] == ["... step 1", "... step 2", "... step 3"]


def test_a_short_apply_says_nothing_meanwhile(files: PolicyFiles) -> None:
    assert roles(files, "apply").stderr == ""
