"""A grant says nothing that its template rules out."""

import pytest

from broker.policy.load import load_policy
from tests.support.policy_files import PolicyFiles
from tests.support.policy_problems import Found, policy_problems


def test_a_grant_cannot_name_a_template_of_the_controllers(files: PolicyFiles) -> None:
    files.add("roles/cim-ticket.yaml", "kind: controller\n")
    assert policy_problems(files.folder) == [
        Found(
            "grants.yaml",
            4,
            "grants.nagios-dc1.template",
            "is of kind controller: it is what the controller's own account needs",
        )
    ]


@pytest.mark.parametrize("most", ["{count: 5, seconds: 60}", "{count: 1, seconds: 1}"])
def test_a_grants_rate_is_within_its_templates(files: PolicyFiles, most: str) -> None:
    files.add("roles/cim-ticket.yaml", f"max_rate_per_host: {most}\n")
    assert [each.key for each in policy_problems(files.folder)] == ["grants.nagios-dc1.rate_per_host"]


@pytest.mark.parametrize("most", ["{count: 6, seconds: 60}", "{count: 12, seconds: 90}"])
def test_a_rate_that_allows_as_much_or_less_is_taken(files: PolicyFiles, most: str) -> None:
    files.add("roles/cim-ticket.yaml", f"max_rate_per_host: {most}\n")
    assert load_policy(files.folder).grants
