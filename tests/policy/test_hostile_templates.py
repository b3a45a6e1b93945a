"""A template from somebody who means harm is refused in few words, and does nothing else."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.cli import main
from broker.cli.exits import Exit
from tests.support.policy_files import TEMPLATE, PolicyFiles

LAUGHS = "l0: &l0 [ha, ha]\n" + "".join(f"l{n}: &l{n} [*l{n - 1}, *l{n - 1}]\n" for n in range(1, 60))
MOST_WORDS = 60


@pytest.fixture
def files(tmp_path: Path) -> PolicyFiles:
    return PolicyFiles(tmp_path / "policy")


def linted(files: PolicyFiles, template: str) -> Result:
    files.put("roles/cim-ticket.yaml", template)
    result = CliRunner().invoke(main, ["roles", "lint", "--config", str(files.folder)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (LAUGHS + TEMPLATE, "carries a YAML anchor"),
        (TEMPLATE + "max_days: &days 30\nmax: *days\n", "is a YAML alias"),
        (TEMPLATE + "<<: {kind: controller}\n", "means different things to different YAML versions"),
        (TEMPLATE + "x: !!python/object/apply:os.system ['touch executed']\n", "carries a YAML tag"),
        (TEMPLATE + "x: !!binary aGk=\n", "carries a YAML tag"),
        (TEMPLATE + "name: other\n", "stands twice; first in line 1"),
        (TEMPLATE + '"na\\x6de": other\n', "stands twice; first in line 1"),
        (TEMPLATE + "#" + "x" * 10_000_000 + "\n", "is larger than 1 MiB"),
        (TEMPLATE + "x: " + "[" * 500_000 + "\n", "is nested too deeply"),
        (TEMPLATE + "x: {" + "? " * 200_000 + "\n", "the YAML cannot be read"),
        (TEMPLATE + "".join(f"x{n}: 1\n" for n in range(8_000)), "is not a known key"),
        (TEMPLATE + "---\nname: other\n", "holds a second YAML document"),
        (TEMPLATE.replace("cim-ticket", "cim-tick\u0435t"), "is not an id"),
        (TEMPLATE.replace("cim-ticket", "../../etc/passwd"), "is not an id"),
        (TEMPLATE.replace("cim-ticket", '"cim-ticket\\n"'), "is not an id"),
        (TEMPLATE.replace("Host.Cim", "H\u043est.Cim"), "is not a privilege id"),
        (TEMPLATE.replace("CimInteraction", "CimInteraction%2f"), "is not a privilege id"),
        (
            TEMPLATE.replace("the ticket", "the\u202eticket"),
            "holds the invisible or control character",
        ),
        (TEMPLATE.replace("the ticket", '"the\\u202eticket"'), "an escape makes an invisible or control"),
        (TEMPLATE.replace("the ticket", '"' + "x" * 501 + '"'), "is longer than 500 characters"),
        (TEMPLATE + "password: hunter2\n", "is a secret written inline"),
    ],
    ids=lambda value: value[:40] if value.startswith(("is ", "carries", "holds", "stands")) else "",
)
def test_it_is_refused(files: PolicyFiles, template: str, problem: str) -> None:
    said = linted(files, template)
    assert said.exit_code == Exit.CONFIGURATION
    assert problem in said.output
    assert len(said.output.splitlines()) <= MOST_WORDS
    assert "hunter2" not in said.output
    assert not list(files.folder.rglob("executed"))


def test_texts_with_marks_of_other_languages_stay_texts(files: PolicyFiles) -> None:
    said = linted(files, TEMPLATE.replace("CIM tickets", "'<b> &amp; \"quoted\" %2f $(id) {{x}}'"))
    assert said.exit_code == Exit.DONE


def test_users_are_one_however_their_domain_is_written(files: PolicyFiles) -> None:
    files.add(
        "accounts.yaml",
        "  cim-b: {vcenter: prod, user: 'VSPHERE.LOCAL\\SVC-CIM-A', password: {file: b.password}}\n",
    )
    said = linted(files, TEMPLATE)
    assert said.exit_code == Exit.CONFIGURATION
    assert "is the user of account cim-a again" in said.output
