"""However much is wrong, what is told of it can be read."""

import json

import pytest

from broker.policy.load import ConfigurationErrors, as_json, check, explain, load_policy
from broker.policy.problems import MOST_TOLD
from tests.support.policy_files import PolicyFiles

MISTAKES = 60_000

pytestmark = pytest.mark.no_cover  # a file of 1 MiB is read three times as fast, by lines that others cover


def test_the_first_problems_are_told_and_the_rest_is_counted(files: PolicyFiles) -> None:
    files.add("apps.yaml", "".join(f"x{number}: 1\n" for number in range(MISTAKES)))
    with pytest.raises(ConfigurationErrors) as caught:
        load_policy(files.folder)
    *told, rest = caught.value.errors
    assert [(e.line, e.key) for e in told] == [(6 + n, f"x{n}") for n in range(MOST_TOLD)]
    assert (rest.file.name, rest.line) == ("apps.yaml", 6 + MOST_TOLD)
    assert rest.problem == f"and {MISTAKES - MOST_TOLD} more from here on, which are not listed"
    assert len(str(caught.value)) < 50_000


def test_people_and_machines_are_told_the_same_few(files: PolicyFiles) -> None:
    files.add("apps.yaml", "".join(f"x{number}: 1\n" for number in range(2 * MOST_TOLD)))
    findings = check(files.folder)
    assert len(explain(findings)) == len(as_json(findings)) == MOST_TOLD + 1
    assert len(json.dumps(as_json(findings))) < 50_000


def test_as_many_problems_as_are_told_are_not_counted_on(files: PolicyFiles) -> None:
    files.add("apps.yaml", "".join(f"x{number}: 1\n" for number in range(MOST_TOLD)))
    with pytest.raises(ConfigurationErrors) as caught:
        load_policy(files.folder)
    assert [e.problem for e in caught.value.errors] == ["is not a known key"] * MOST_TOLD


def test_one_problem_that_lists_very_many_ids_is_clipped(files: PolicyFiles) -> None:
    app = "    description: Sensors\n    owner: storage team\n    scopes: [tickets]\n"
    grant = (files.folder / "grants.yaml").read_text().removeprefix("grants:\n  nagios-dc1:\n")
    apps = [f"app-{number}" for number in range(400)]
    files.put("apps.yaml", "apps:\n" + "".join(f"  {each}:\n{app}" for each in apps))
    files.put(
        "grants.yaml",
        "grants:\n" + "".join(f"  {each}:\n{grant.replace('nagios', each, 1)}" for each in apps),
    )
    files.add("accounts.yaml", "    shared_by: [app-0]\n")
    with pytest.raises(ConfigurationErrors) as caught:
        load_policy(files.folder)
    (error,) = caught.value.errors
    assert error.problem.startswith("does not name exactly the apps")
    assert len(str(error)) < 1500
