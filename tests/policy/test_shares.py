"""No app's rate may let it take what all apps share."""

import pytest

from broker.policy.load import check, load_policy
from tests.support.policy_files import PolicyFiles
from tests.support.policy_problems import Found, found

ALONE = "lets this app alone use up service_rate, which is for all apps together"


def rates(files: PolicyFiles, app: tuple[int, int], service: tuple[int, int]) -> list[Found]:
    files.add("apps.yaml", f"    rate: {{count: {app[0]}, seconds: {app[1]}}}\n")
    files.add("server.yaml", f"service_rate: {{count: {service[0]}, seconds: {service[1]}}}\n")
    return [each for each in found(check(files.folder)) if each.file == "apps.yaml"]


@pytest.mark.parametrize(
    ("app", "service"),
    [
        ((600, 60), (600, 60)),
        ((601, 60), (600, 60)),
        ((10, 1), (600, 60)),
        ((30, 7), (240, 60)),
        ((5000, 86_400), (600, 60)),
    ],
)
def test_an_app_that_can_use_up_the_services_rate_is_told(
    files: PolicyFiles, app: tuple[int, int], service: tuple[int, int]
) -> None:
    assert rates(files, app, service) == [Found("apps.yaml", 6, "apps.nagios.rate", ALONE)]
    load_policy(files.folder)


@pytest.mark.parametrize(
    ("app", "service"), [((599, 60), (600, 60)), ((9, 1), (600, 60)), ((599, 86_400), (600, 60))]
)
def test_an_app_below_the_services_rate_is_not(
    files: PolicyFiles, app: tuple[int, int], service: tuple[int, int]
) -> None:
    assert rates(files, app, service) == []


def test_a_service_rate_below_an_apps_default_is_told_where_the_app_stands(files: PolicyFiles) -> None:
    files.add("server.yaml", "service_rate: {count: 60, seconds: 60}\n")
    (problem,) = [each for each in found(check(files.folder)) if each.file == "apps.yaml"]
    assert problem == Found("apps.yaml", 2, "apps.nagios.rate", ALONE)
