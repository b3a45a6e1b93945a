"""Several workers: what they cannot do without, and what each of them may do by itself."""

from dataclasses import replace

import pytest

from broker.model.names import VcenterId
from broker.model.policy import Rate
from broker.model.secret import SecretVariable
from broker.policy.load import ConfigurationErrors, check, load_policy, load_server, load_share, load_worker
from tests.support.policy_files import PolicyFiles
from tests.support.policy_problems import Found, found, policy_problems, server_problems

REDIS = "redis_url: {variable: REDIS_URL}\n"
NO_REDIS = Found(
    "server.yaml", 9, "workers", "has no Redis: each of 4 workers would allow the whole of every rate"
)


def few_places(line: int, places: int, workers: int) -> Found:
    problem = f"is {places}, which {workers} workers cannot share"
    return Found("vcenters.yaml", line, "vcenters.prod.concurrency", problem)


def set_places(files: PolicyFiles, places: int) -> None:
    files.change("vcenters.yaml", "ca.pem", f"ca.pem\n    concurrency: {places}")


def test_one_worker_serves_unless_more_are_asked_for(files: PolicyFiles) -> None:
    assert load_server(files.folder).workers == 1
    files.add("server.yaml", f"workers: 4\n{REDIS}")
    assert load_server(files.folder).workers == 4


def test_workers_without_a_redis_are_refused_at_start_and_by_the_check(files: PolicyFiles) -> None:
    files.add("server.yaml", "workers: 4\n")
    assert server_problems(files.folder) == [NO_REDIS]
    assert NO_REDIS in found(check(files.folder))


@pytest.mark.parametrize("workers", [0, 33])
def test_there_is_one_worker_at_least_and_an_end_to_them(files: PolicyFiles, workers: int) -> None:
    files.add("server.yaml", f"workers: {workers}\n{REDIS}")
    assert server_problems(files.folder) == [Found("server.yaml", 9, "workers", "is out of range")]


def test_a_vcenter_with_fewer_places_than_workers_is_refused_at_start_and_by_the_check(
    files: PolicyFiles,
) -> None:
    files.add("server.yaml", f"workers: 4\n{REDIS}")
    set_places(files, 3)
    assert policy_problems(files.folder) == [few_places(5, 3, 4)]
    assert few_places(5, 3, 4) in found(check(files.folder))


def test_places_that_nobody_wrote_are_refused_where_the_vcenter_stands(files: PolicyFiles) -> None:
    files.add("server.yaml", f"workers: 9\n{REDIS}")
    assert policy_problems(files.folder) == [few_places(2, 8, 9)]


@pytest.mark.parametrize(("places", "workers", "share"), [(8, 1, 8), (8, 4, 2), (7, 4, 1), (4, 4, 1)])
def test_a_worker_has_its_share_of_a_vcenters_places_under_the_same_revision(
    files: PolicyFiles, places: int, workers: int, share: int
) -> None:
    set_places(files, places)
    policy = load_share(files.folder, workers)
    assert policy.vcenters[VcenterId("prod")].concurrency == share
    assert load_policy(files.folder).vcenters[VcenterId("prod")].concurrency == places
    assert policy.revision == load_policy(files.folder).revision


def test_the_workers_that_run_share_the_places_and_not_those_that_the_file_names_by_now(
    files: PolicyFiles,
) -> None:
    files.add("server.yaml", f"workers: 2\n{REDIS}")
    set_places(files, 2)
    load_policy(files.folder)
    with pytest.raises(ConfigurationErrors) as caught:
        load_share(files.folder, 4)
    assert found(caught.value.errors) == [few_places(5, 2, 4)]


def test_a_worker_that_joins_takes_the_settings_of_now_but_those_that_all_must_share(
    files: PolicyFiles,
) -> None:
    files.add("server.yaml", f"workers: 2\n{REDIS}")
    running = load_server(files.folder)
    files.change("server.yaml", "https://broker.example.com", "https://other.example.com")
    files.change("server.yaml", "port: 0", "port: 1")
    files.change("server.yaml", "broker.db", "other.db")
    files.change("server.yaml", "workers: 2", "workers: 3\nthreads: 1\ndisk_reserve_mib: 1")
    files.change("server.yaml", "REDIS_URL", "OTHER_URL")
    files.add("server.yaml", "proof_max_age_s: 0\nservice_rate: {count: 1, seconds: 2}\n")

    assert load_worker(files.folder, running) == replace(
        running, redis_url=SecretVariable("OTHER_URL"), proof_max_age_s=0, service_rate=Rate(1, 2)
    )


def test_a_worker_does_not_join_others_without_the_redis_that_they_need(files: PolicyFiles) -> None:
    files.add("server.yaml", f"workers: 4\n{REDIS}")
    running = load_server(files.folder)
    files.change("server.yaml", f"workers: 4\n{REDIS}", "workers: 1\n")
    with pytest.raises(ConfigurationErrors) as caught:
        load_worker(files.folder, running)
    assert found(caught.value.errors) == [NO_REDIS]


@pytest.mark.parametrize(("rate", "among", "share"), [(120, 1, 120), (120, 4, 30), (7, 4, 1), (2, 4, 1)])
def test_a_rate_is_shared_out_and_everybody_may_do_one(rate: int, among: int, share: int) -> None:
    assert Rate(rate, 60).shared(among) == Rate(share, 60)
