"""Where metrics are shown: what server.yaml may say of it."""

from pathlib import Path

import pytest

from broker.model.settings import MetricsListener, MetricsTls
from broker.policy.load import check, load_server, load_worker
from tests.support.policy_files import PolicyFiles
from tests.support.policy_problems import Found, found, server_problems

TLS = "certificate: server.pem, key: server.key"
REDIS = "redis_url: {variable: REDIS_URL}\n"


def metrics_of(files: PolicyFiles, text: str) -> MetricsListener | None:
    files.add("server.yaml", f"metrics: {text}\n")
    return load_server(files.folder).metrics


def test_metrics_are_shown_nowhere_unless_somewhere_is_named(files: PolicyFiles) -> None:
    assert load_server(files.folder).metrics is None


def test_without_more_they_are_shown_on_loopback(files: PolicyFiles) -> None:
    assert metrics_of(files, "{}") == MetricsListener("127.0.0.1", 9464, None)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", '"::1"'])
def test_plain_http_is_for_loopback(files: PolicyFiles, host: str) -> None:
    assert metrics_of(files, f"{{host: {host}}}") == MetricsListener(host.strip('"'), 9464, None)


def test_tls_may_be_for_whoever_holds_a_certificate_of_some_ca(files: PolicyFiles) -> None:
    here: Path = files.folder
    tls = MetricsTls(here / "server.pem", here / "server.key", here / "ca.pem")
    told = metrics_of(files, f"{{host: 0.0.0.0, port: 9000, {TLS}, client_ca: ca.pem}}")
    assert told == MetricsListener("0.0.0.0", 9000, tls)


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        ("{host: 192.0.2.1}", "metrics", "is plain HTTP for other machines"),
        ("{host: 0.0.0.0}", "metrics", "is plain HTTP for other machines"),
        ('{host: "::"}', "metrics", "is plain HTTP for other machines"),
        ("{host: localhost}", "metrics.host", "is not an IP address"),
        ("{certificate: a}", "metrics", "has half of what TLS needs"),
        ("{key: a}", "metrics", "has half of what TLS needs"),
        ("{client_ca: a}", "metrics", "has a client_ca and no TLS"),
        ("{port: 0}", "metrics.port", "is out of range"),
        ("{port: 65536}", "metrics.port", "is out of range"),
        ("{path: /x}", "metrics.path", "is not a known key"),
    ],
)
def test_what_would_not_work_or_is_open_to_others_is_refused(
    files: PolicyFiles, text: str, key: str, problem: str
) -> None:
    files.add("server.yaml", f"metrics: {text}\n")
    assert server_problems(files.folder) == [Found("server.yaml", 9, key, problem)]


def test_every_worker_has_a_port(files: PolicyFiles) -> None:
    files.add("server.yaml", f"metrics: {{port: 65533}}\nworkers: 4\n{REDIS}")
    problem = Found("server.yaml", 9, "metrics.port", "leaves no port for the last of 4 workers")
    assert server_problems(files.folder) == [problem]
    assert problem in found(check(files.folder))


def test_no_worker_takes_the_port_that_apps_use(files: PolicyFiles) -> None:
    files.change("server.yaml", "port: 0", "port: 9465")
    files.add("server.yaml", f"metrics: {{}}\nworkers: 2\n{REDIS}")
    assert server_problems(files.folder) == [
        Found("server.yaml", 9, "metrics.port", "takes the listener's port")
    ]


def test_the_check_looks_for_the_files(files: PolicyFiles) -> None:
    files.add("server.yaml", "metrics: {certificate: no.pem, key: no.key, client_ca: none.pem}\n")
    keys = {problem.key for problem in found(check(files.folder))}
    assert {"metrics.certificate", "metrics.key", "metrics.client_ca"} <= keys


def test_a_worker_that_joins_others_shows_its_metrics_where_they_do(files: PolicyFiles) -> None:
    running = load_server(files.folder)
    files.add("server.yaml", "metrics: {}\n")
    assert load_worker(files.folder, running).metrics is None
