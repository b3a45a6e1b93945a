"""The published JSON Schema is the parser's own, takes what it takes and refuses what a schema can refuse."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from click.testing import CliRunner

from broker.cli import main
from broker.policy.load import ConfigurationErrors, load_policy
from broker.policy.schema import TEMPLATE_SCHEMA, template_schema
from tests.support.policy_files import TEMPLATE, PolicyFiles

ROLES = Path(__file__).parents[2] / "roles"


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema_rs.Draft202012Validator(template_schema(), validate_formats=True)


def test_the_published_file_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(main, ["roles", "schema"])
    assert printed.exit_code == 0
    published = (ROLES / TEMPLATE_SCHEMA).read_text()
    assert published == printed.output, f"run: broker roles schema > roles/{TEMPLATE_SCHEMA}"
    jsonschema_rs.meta.validate(json.loads(published))


@pytest.mark.parametrize("file", sorted(ROLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_shipped_template_fits_it(validator: Any, file: Path) -> None:
    validator.validate(yaml.safe_load(file.read_text()))


def test_every_key_is_explained_for_editors() -> None:
    schema = template_schema()
    for part in (schema, *schema["$defs"].values()):
        for key, shown in part["properties"].items():
            assert shown.get("description"), key


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: cim-ticket", "name: CIM"),
        ("description: CIM tickets\n", ""),
        ("description: CIM tickets", "description: ' '"),
        ("owner: virtualisation team\n", ""),
        ('"2099-01-01"', '"soon"'),
        ("HostSystem]", "VirtualMachine]"),
        ("HostSystem]", "Folder]"),
        ("[Folder, Datacenter, ClusterComputeResource, ComputeResource, HostSystem]", "[]"),
        ("ticket_kinds: [cim]", "ticket_kinds: [ssh]"),
        ("ticket_kinds: [cim]", "kind: root"),
        ("ticket_kinds: [cim]", "enabled: 'true'"),
        ("ticket_kinds: [cim]", "max_days: 0"),
        ("ticket_kinds: [cim]", "max_rate_per_host: {count: 0, seconds: 1}"),
        ("ticket_kinds: [cim]", "overrides: [{rule: all, reason: r, owner: o, expires: '2027-01-01'}]"),
        ("ticket_kinds: [cim]", "ticket_kind: [cim]"),
        ("Host.Cim.CimInteraction", "Host"),
        ("    reason: the ticket\n", ""),
        ("reason: the ticket", "reason: the ticket\n    why: because"),
    ],
)
def test_what_the_parser_refuses_the_schema_refuses(
    tmp_path: Path, validator: Any, old: str, new: str
) -> None:
    files = PolicyFiles(tmp_path / "policy")
    file = files.change("roles/cim-ticket.yaml", old, new)
    with pytest.raises(ConfigurationErrors):
        load_policy(files.folder)
    assert not validator.is_valid(yaml.safe_load(file.read_text()))


def test_what_the_parser_takes_the_schema_takes(tmp_path: Path, validator: Any) -> None:
    files = PolicyFiles(tmp_path / "policy")
    more = "  - {id: System.Read, reason: r, source: s}\nmax_days: 30\nenabled: false\n"
    files.put("roles/cim-ticket.yaml", TEMPLATE + more)
    load_policy(files.folder)
    assert validator.is_valid(yaml.safe_load(TEMPLATE + more))
