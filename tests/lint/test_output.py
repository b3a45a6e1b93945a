"""Findings are told for people, as JSON and as SARIF, and the exit code says whether CI has to stop."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result

from broker.cli import main
from broker.cli.exits import Exit
from broker.lint.run import RULES
from tests.support.policy_files import PolicyFiles

ESCALATING = "  - {id: Authorization.ModifyRoles, reason: r}\n"
OVERRIDE = (
    "overrides: [{rule: BR001, privilege: Authorization.ModifyRoles, reason: r, owner: me, expires: '%s'}]\n"
)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PolicyFiles:
    monkeypatch.chdir(tmp_path)
    return PolicyFiles(tmp_path / "policy")


def typed(files: PolicyFiles, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["roles", "lint", "--config", str(files.folder), *arguments])


def escalating(files: PolicyFiles) -> None:
    files.add("roles/cim-ticket.yaml", ESCALATING)
    files.change("grants.yaml", "[/DC1/host/cluster-01]", "[/DC1]")


def test_a_policy_without_findings_is_done(files: PolicyFiles) -> None:
    said = typed(files)
    assert (said.exit_code, said.output) == (Exit.DONE, "0 errors, 0 warnings, 0 notes, 0 accepted\n")


def test_an_error_fails_and_is_told_with_its_place_and_what_to_do(files: PolicyFiles) -> None:
    files.add("roles/cim-ticket.yaml", ESCALATING)
    said = typed(files)
    first, second, last = said.output.splitlines()
    assert said.exit_code == Exit.REFUSED
    assert first == (
        "policy/roles/cim-ticket.yaml:10: error BR001 privilege-escalation: template cim-ticket: "
        "Authorization.ModifyRoles leads to more privilege: it changes roles, permissions or what "
        "privileges mean"
    )
    assert second.startswith("  Leave it out, or override this")
    assert last == "1 error, 0 warnings, 0 notes, 0 accepted"


def test_an_accepted_error_is_told_with_who_answers_and_does_not_fail(files: PolicyFiles) -> None:
    files.add("roles/cim-ticket.yaml", ESCALATING + OVERRIDE % "2099-01-01")
    said = typed(files)
    assert said.exit_code == Exit.DONE
    assert "accepted BR001" in said.output
    assert "  accepted by me until 2099-01-01: r" in said.output


@pytest.mark.parametrize(
    ("mildest", "code"), [("error", Exit.DONE), ("warning", Exit.REFUSED), ("note", Exit.REFUSED)]
)
def test_a_warning_fails_where_it_is_asked_to(files: PolicyFiles, mildest: str, code: Exit) -> None:
    files.change("grants.yaml", "[/DC1/host/cluster-01]", "[/DC1]")
    assert typed(files, "--fail-on", mildest).exit_code == code


def test_broken_files_are_told_as_such(files: PolicyFiles) -> None:
    files.add("roles/cim-ticket.yaml", "kind: other\n")
    said = typed(files)
    assert said.exit_code == Exit.CONFIGURATION
    assert "cim-ticket.yaml:10: kind: is not one of the known values" in said.output


def test_as_json_each_finding_is_an_object(files: PolicyFiles) -> None:
    escalating(files)
    said = typed(files, "--format", "json")
    found = json.loads(said.output)
    assert [(each["rule"], each["severity"], each["line"]) for each in found] == [
        ("BR003", "warning", 6),
        ("BR001", "error", 10),
    ]
    assert found[1]["subject"] == {"kind": "template", "id": "cim-ticket"}
    assert (found[1]["privilege"], found[1]["accepted"]) == ("Authorization.ModifyRoles", None)
    assert said.exit_code == Exit.REFUSED


TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs", "$schema"],
    "additionalProperties": False,
    "properties": {
        "version": {"const": "2.1.0"},
        "$schema": {"type": "string", "format": "uri"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "additionalProperties": False,
                                            "properties": {
                                                "id": {"type": "string"},
                                                "name": {"type": "string"},
                                                "shortDescription": TEXT,
                                                "fullDescription": TEXT,
                                                "help": TEXT,
                                                "defaultConfiguration": {
                                                    "properties": {"level": {"$ref": "#/$defs/level"}}
                                                },
                                            },
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message"],
                            "additionalProperties": False,
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": {"$ref": "#/$defs/level"},
                                "message": TEXT,
                                "locations": {
                                    "type": "array",
                                    "items": {
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation"],
                                                "properties": {
                                                    "artifactLocation": {
                                                        "properties": {
                                                            "uri": {
                                                                "type": "string",
                                                                "format": "uri-reference",
                                                            }
                                                        }
                                                    },
                                                    "region": {
                                                        "properties": {
                                                            "startLine": {"type": "integer", "minimum": 1}
                                                        }
                                                    },
                                                },
                                            }
                                        }
                                    },
                                },
                                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                                "suppressions": {
                                    "type": "array",
                                    "items": {
                                        "required": ["kind"],
                                        "properties": {"kind": {"enum": ["inSource", "external"]}},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
    "$defs": {"level": {"enum": ["none", "note", "warning", "error"]}},
}
"""What SARIF 2.1.0 demands of the parts that are used: sections 3.13, 3.14, 3.19, 3.27, 3.29, 3.35, 3.49."""


def test_as_sarif_it_has_the_shape_that_the_standard_demands(files: PolicyFiles) -> None:
    escalating(files)
    files.add("roles/cim-ticket.yaml", OVERRIDE % "2099-01-01")
    said = typed(files, "--format", "sarif")
    log = json.loads(said.output)
    jsonschema_rs.Draft202012Validator(SARIF, validate_formats=True).validate(log)
    (run,) = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [rule.id for rule in RULES]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    warning, accepted = run["results"]
    assert warning["ruleId"] == "BR003"
    assert "suppressions" not in warning
    assert accepted["suppressions"] == [{"kind": "inSource", "justification": "me, until 2099-01-01: r"}]
    place = accepted["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "policy/roles/cim-ticket.yaml"
    assert place["region"] == {"startLine": 10}


def test_a_finding_keeps_its_fingerprint_when_it_moves(files: PolicyFiles) -> None:
    files.add("roles/cim-ticket.yaml", ESCALATING)
    before = json.loads(typed(files, "--format", "sarif").output)["runs"][0]["results"][0]
    files.change("roles/cim-ticket.yaml", "name: cim-ticket", "# a comment\nname: cim-ticket")
    after = json.loads(typed(files, "--format", "sarif").output)["runs"][0]["results"][0]
    assert before["locations"] != after["locations"]
    assert before["partialFingerprints"] == after["partialFingerprints"]


def test_names_of_the_inventory_arrive_as_they_are_and_forge_no_line(files: PolicyFiles) -> None:
    files.change("grants.yaml", "[/DC1/host/cluster-01]", "['/a \"&<>%2f b']")
    (result,) = json.loads(typed(files, "--format", "sarif").output)["runs"][0]["results"]
    assert '/a "&<>%2f b is a datacenter' in result["message"]["text"]
    assert len(typed(files).output.splitlines()) == 3
