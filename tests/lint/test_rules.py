"""Each rule finds its example, and nothing in a policy that has nothing to find."""

from datetime import date
from pathlib import Path

import pytest

from broker.lint.examples import EXAMPLES, TODAY
from broker.lint.findings import Material, Severity
from broker.lint.run import RULES, Finding, lint
from broker.policy.load import load_with_places
from broker.privileges.catalogue import Catalogue, shipped
from tests.support.policy_files import PolicyFiles


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return shipped()


@pytest.fixture
def files(tmp_path: Path) -> PolicyFiles:
    return PolicyFiles(tmp_path / "policy")


def findings_of(files: PolicyFiles, catalogue: Catalogue, today: date = TODAY) -> tuple[Finding, ...]:
    policy, written = load_with_places(files.folder)
    return lint(Material(policy, catalogue, today), written)


def test_a_policy_without_faults_has_no_findings(files: PolicyFiles, catalogue: Catalogue) -> None:
    assert findings_of(files, catalogue) == ()


def test_every_rule_has_an_example_and_a_stable_id() -> None:
    assert [rule.id for rule in RULES] == sorted(EXAMPLES) == [f"BR{n:03}" for n in range(1, len(RULES) + 1)]
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", sorted(EXAMPLES))
def test_a_rule_finds_its_example_in_one_of_its_files(
    files: PolicyFiles, catalogue: Catalogue, rule: str
) -> None:
    for name, text in EXAMPLES[rule].items():
        files.put(name, text)
    found = [each for each in findings_of(files, catalogue) if each.rule.id == rule]
    assert len(found) == 1
    assert str(found[0].file.relative_to(files.folder.resolve())) in EXAMPLES[rule]
    assert found[0].override is None
    assert found[0].refuses is (found[0].rule.severity is Severity.ERROR)


def test_an_override_covers_the_finding_of_its_privilege_to_the_end_of_its_last_day(
    files: PolicyFiles, catalogue: Catalogue
) -> None:
    files.add("roles/cim-ticket.yaml", "  - {id: Authorization.ModifyRoles, reason: r}\n")
    files.add("roles/cim-ticket.yaml", "  - {id: Host.Config.Settings, reason: r}\n")
    files.add(
        "roles/cim-ticket.yaml",
        "overrides:\n"
        "  - {rule: BR001, privilege: Host.Config.Settings, reason: r, owner: o, expires: '2027-01-31'}\n",
    )
    last_day = findings_of(files, catalogue, date(2027, 1, 31))
    covered = {(each.privilege, each.refuses) for each in last_day if each.rule.id == "BR001"}
    assert covered == {("Authorization.ModifyRoles", True), ("Host.Config.Settings", False)}
    day_after = findings_of(files, catalogue, date(2027, 2, 1))
    assert [each.rule.id for each in day_after if each.refuses] == ["BR001", "BR001", "BR014"]


def test_a_grants_override_covers_what_is_found_of_the_grant(
    files: PolicyFiles, catalogue: Catalogue
) -> None:
    files.change("grants.yaml", "[/DC1/host/cluster-01]", "[/DC1]")
    assert [(each.rule.id, each.override) for each in findings_of(files, catalogue)] == [("BR003", None)]
    files.add(
        "grants.yaml",
        "    overrides: [{rule: BR003, reason: all of it, owner: me, expires: '2027-01-01'}]\n",
    )
    (finding,) = findings_of(files, catalogue)
    assert finding.override is not None
    assert finding.override.reason == "all of it"


def test_a_finding_stands_at_the_line_and_key_of_its_cause(files: PolicyFiles, catalogue: Catalogue) -> None:
    files.add("roles/cim-ticket.yaml", "  - id: Authorization.ModifyRoles\n    reason: r\n")
    (finding,) = findings_of(files, catalogue)
    assert (finding.file.name, finding.line, finding.key) == ("cim-ticket.yaml", 10, "privileges[1].id")


def test_the_controllers_own_template_may_manage_roles_and_no_more(
    files: PolicyFiles, catalogue: Catalogue
) -> None:
    text = (files.folder / "roles/cim-ticket.yaml").read_text().replace("cim-ticket", "controller")
    text = text.replace("Host.Cim.CimInteraction", "Authorization.ModifyRoles") + "kind: controller\n"
    files.put("roles/controller.yaml", text)
    assert findings_of(files, catalogue) == ()
    files.put("roles/controller.yaml", text.replace("ModifyRoles", "ModifyPrivileges"))
    assert [each.rule.id for each in findings_of(files, catalogue)] == ["BR001"]


@pytest.mark.parametrize("scope", ["/DC1/host/a", "/DC1/host/a/b", "/Folder/DC1/host/rack"])
def test_what_lies_below_the_folder_of_hosts_is_no_whole_datacenter(
    files: PolicyFiles, catalogue: Catalogue, scope: str
) -> None:
    files.change("grants.yaml", "/DC1/host/cluster-01", scope)
    assert findings_of(files, catalogue) == ()


@pytest.mark.parametrize("scope", ["/DC1", "/Folder/DC1", "/host", "/host/vm"])
def test_what_lies_above_it_is_one(files: PolicyFiles, catalogue: Catalogue, scope: str) -> None:
    files.change("grants.yaml", "/DC1/host/cluster-01", scope)
    assert [each.rule.id for each in findings_of(files, catalogue)] == ["BR003"]


@pytest.mark.parametrize("name", ["K\u00f6ln", "\u041c\u043e\u0441\u043a\u0432\u0430 1", "\u6771\u4eac"])
def test_a_name_in_the_letters_of_one_language_is_no_look_alike(
    files: PolicyFiles, catalogue: Catalogue, name: str
) -> None:
    files.change("grants.yaml", "cluster-01", name)
    assert findings_of(files, catalogue) == ()


@pytest.mark.parametrize(
    "name", ["\u0420roduction", "K\u006f\u0308ln", "\uff30roduction", "\u03a1roduction", "Pr\u043eduction"]
)
def test_a_name_that_can_be_taken_for_another_is_told(
    files: PolicyFiles, catalogue: Catalogue, name: str
) -> None:
    files.change("grants.yaml", "cluster-01", name)
    assert [each.rule.id for each in findings_of(files, catalogue)] == ["BR019"]


def test_names_that_begin_alike_do_not_overlap(files: PolicyFiles, catalogue: Catalogue) -> None:
    entry = (files.folder / "grants.yaml").read_text().removeprefix("grants:\n")
    files.add("grants.yaml", entry.replace("nagios-dc1", "other").replace("cluster-01", "cluster-010"))
    assert findings_of(files, catalogue) == ()
