"""Several workers of one `broker serve`: what they cannot do without, and each one's share."""

from dataclasses import replace
from types import MappingProxyType

from broker.model.policy import Policy
from broker.policy.problems import Problems
from broker.policy.settings_files import ServerFile
from broker.policy.written import Written, WrittenPolicy

_LAST_PORT = 65535


def check_redis(server: Written[ServerFile], workers: int, problems: Problems) -> None:
    """Note that workers have nothing to count requests in together."""
    if workers > 1 and server.body.redis_url is None:
        server.note(
            problems,
            ("workers",),
            f"has no Redis: each of {workers} workers would allow the whole of every rate",
            "Name one in redis_url, or run one worker",
        )


def check_metrics_ports(server: Written[ServerFile], workers: int, problems: Problems) -> None:
    """Note that the workers do not each find a port for their metrics."""
    metrics, tls = server.body.metrics, server.body.listener.tls
    if metrics is None:
        return
    if tls is not None and tls.port in range(metrics.port, metrics.port + workers):
        server.note(
            problems, ("metrics", "port"), "takes the listener's port", "Write one beside it, such as 9464"
        )
    if metrics.port + workers - 1 > _LAST_PORT:
        server.note(
            problems,
            ("metrics", "port"),
            f"leaves no port for the last of {workers} workers",
            f"Write {_LAST_PORT - workers + 1} or less",
        )


def check_places(policy: WrittenPolicy, workers: int, problems: Problems) -> None:
    """Note each vCenter that has less than one place for every worker."""
    for vcenter in policy.vcenters:
        if vcenter.body.concurrency < workers:
            vcenter.note(
                problems,
                ("concurrency",),
                f"is {vcenter.body.concurrency}, which {workers} workers cannot share",
                f"Allow {workers} or more, best a multiple of that, or run fewer workers",
            )


def share_of(policy: Policy, workers: int) -> Policy:
    """The policy as one of so many workers decides on it: with its share of every vCenter's places.

    Under the same revision, since it is the same policy.
    """
    shares = {v.id: replace(v, concurrency=v.concurrency // workers) for v in policy.vcenters.values()}
    return replace(policy, vcenters=MappingProxyType(shares))
