"""Whoever can write the policy is its admin, so nothing of it is for everybody to write."""

from pathlib import Path

import pytest

from broker.policy.load import ConfigurationErrors, load_controller, load_policy, load_server
from tests.support.policy_files import PolicyFiles
from tests.support.policy_problems import Found, controller_problems, policy_problems, server_problems

OPEN = "may be written by every user"
POLICY = (
    "server.yaml",
    "vcenters.yaml",
    "accounts.yaml",
    "apps.yaml",
    "grants.yaml",
    "roles/cim-ticket.yaml",
)


@pytest.mark.parametrize("name", [*POLICY, "roles"])
def test_a_file_or_folder_that_everybody_may_write_is_refused(files: PolicyFiles, name: str) -> None:
    place = files.folder / name
    place.chmod(place.stat().st_mode | 0o002)
    assert policy_problems(files.folder) == [Found(place.name, 1, "(file)", OPEN)]


def test_what_to_do_is_said(files: PolicyFiles) -> None:
    (files.folder / "apps.yaml").chmod(0o666)
    with pytest.raises(ConfigurationErrors, match=r"Run: chmod o-w \S+/apps\.yaml\.$"):
        load_policy(files.folder)


def test_the_folder_of_the_files_is_held_to_it_too_and_told_once(files: PolicyFiles) -> None:
    files.folder.chmod(0o1777)
    expected = [Found("policy", 1, "(file)", OPEN)]
    assert policy_problems(files.folder) == expected
    assert server_problems(files.folder) == expected
    assert controller_problems(files.folder / "controller.yaml") == expected


def test_the_folder_that_a_link_leads_to_is_held_to_it(files: PolicyFiles, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    apps = files.folder / "apps.yaml"
    apps.rename(elsewhere / "apps.yaml")
    apps.symlink_to(elsewhere / "apps.yaml")
    load_policy(files.folder)
    elsewhere.chmod(0o777)
    assert policy_problems(files.folder) == [Found("elsewhere", 1, "(file)", OPEN)]


def test_a_group_may_write_if_the_admins_want_that(files: PolicyFiles) -> None:
    for name in (*POLICY, "controller.yaml"):
        (files.folder / name).chmod(0o664)
    files.folder.chmod(0o775)
    load_policy(files.folder)
    load_server(files.folder)
    load_controller(files.folder / "controller.yaml")
