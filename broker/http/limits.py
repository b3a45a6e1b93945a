"""Budgets: per app, per grant and host, for the whole service, and for failures per address.

Windows move and live in the process, or in Redis where several processes share them. While
Redis does not answer, each process counts by itself and allows its share of half.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask_limiter import Limiter

from broker.errors import Limited, Reason, Refused
from broker.http.context import Left, maybe_asked
from broker.http.counting import Windows
from broker.http.redis_url import checked_redis_url
from broker.http.windows import SCHEME
from broker.model.health import Degraded
from broker.model.inventory import Host
from broker.model.names import AppId
from broker.model.networks import network_of
from broker.model.policy import Grant, Rate
from broker.model.secret import Secret
from broker.ports.clock import Clock
from broker.ports.issuing import PolicySource
from broker.ports.turns import FOR_NOBODY, Turns


@dataclass(frozen=True, slots=True)
class WindowStore:
    """Where windows live: a URI of the `limits` library, a secret since it may hold a password.

    `processes` is how many count there together. A thread stands aside in `turns` while it asks.
    """

    uri: Secret
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    processes: int = 1
    turns: Turns = FOR_NOBODY

    @classmethod
    def memory(cls) -> "WindowStore":
        """In this process."""
        return cls(Secret(f"{SCHEME}://"))

    @classmethod
    def redis(cls, url: Secret, processes: int = 1, turns: Turns = FOR_NOBODY) -> "WindowStore":
        """Redis, Sentinel or Cluster, in a form of `checked_redis_url`. Raises SecretUnavailable."""
        return cls(checked_redis_url(url), _redis_options(), processes, turns)


def _redis_options() -> Mapping[str, Any]:
    from redis.backoff import NoBackoff  # noqa: PLC0415 - 6 MB and 50 ms, for those who have a Redis
    from redis.retry import Retry  # noqa: PLC0415 - as above

    return {
        "protocol": 2,
        "socket_connect_timeout": 0.5,
        "socket_timeout": 0.5,
        "retry": Retry(NoBackoff(), 0),
    }


@dataclass(frozen=True, slots=True)
class _Budget:
    """One window. `key` is made of canonical ids only, so no spelling opens a fresh one."""

    name: str
    key: str
    rate: Rate


class RequestLimits:
    """The Limits port.

    Flask-Limiter sets up the storage and its strategy. What a hit is charged to is found here
    rather than by its route decorators, which cost ten times the hit.
    """

    def __init__(
        self, policy: PolicySource, service: Rate, failures: Rate, store: WindowStore, clock: Clock
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._service = service
        self._failures = failures
        limiter = Limiter(
            key_func=_nobody,
            app=Flask("limits"),  # serves nothing: its hooks are not to run at each of our requests
            storage_uri=store.uri.reveal(),
            storage_options=dict(store.options),
            strategy="moving-window",
            headers_enabled=False,
        )
        self._limiter = limiter
        self._windows = Windows(
            lambda: limiter.limiter, clock, lambda rate: _alone(rate, store.processes), store.turns
        )

    def degraded(self) -> tuple[str, ...]:
        """The code that says that windows are counted by each process alone, or nothing."""
        return (Degraded.LIMITS_IN_MEMORY,) if self._windows.on_its_own() else ()

    def charge_caller(self, app: AppId) -> None:
        """One request of this app, and of the whole service. Raises Limited(RATE_LIMITED)."""
        self._charge(_Budget("app", app, self._rate_of(app)))
        self._charge(_Budget("service", "all", self._service))

    def charge_grant(self, grant: Grant, host: Host) -> None:
        """One ticket under this grant for this host. Raises Limited(RATE_LIMITED)."""
        key = f"{grant.id}:{host.ref.instance_uuid}:{host.ref.moid}"
        self._charge(_Budget("grant", key, grant.rate_per_host))

    def charge_token(self, app: AppId) -> None:
        """One access token of this app, from a budget of its own. Raises Limited(RATE_LIMITED)."""
        self._charge(_Budget("token", app, self._rate_of(app)))

    def count_failed_authentication(self, address: str) -> None:
        """One failure from this address; an IPv6 address counts as its /64, which is one customer's.

        Raises Limited(RATE_LIMITED) when the address has failed too often. It keeps out nobody
        who can authenticate: a secret has 256 random bits, so there is nothing to guess, and one
        broken app must not silence the hundreds that may share its address.
        """
        self._charge(_Budget("address", network_of(address), self._failures))

    def _charge(self, budget: _Budget) -> None:
        if budget.rate.count < 1:
            raise Limited(Reason.RATE_LIMITED, budget.rate.seconds, f"{budget.name} has no budget")
        if not self._windows.hit(budget.name, budget.key, budget.rate):
            wait = self._left(budget).reset_s
            raise Limited(Reason.RATE_LIMITED, wait, f"{budget.name} {budget.key}")
        if budget.name in _SHOWN and (about := maybe_asked()):
            about.budgets.append(self._left(budget))

    def _left(self, budget: _Budget) -> Left:
        left = self._windows.left(budget.name, budget.key, budget.rate)
        wait = math.ceil(left.reset_at - self._clock.now().timestamp())
        wait = min(max(1, wait), budget.rate.seconds)
        return Left(budget.name, left.count, budget.rate.seconds, left.remaining, wait)

    def _rate_of(self, app: AppId) -> Rate:
        found = self._policy.current().apps.get(app)
        if found is None:
            raise Refused(Reason.UNAUTHENTICATED, "the app left the policy while it asked")
        return found.rate


_SHOWN = frozenset({"app", "grant", "token"})
"""What an app may see: how busy the whole service is, or its address, is not its business."""


def _alone(rate: Rate, processes: int) -> Rate:
    """What each allows while it cannot know what the others allow: half of the rate in sum."""
    return rate.shared(2 * processes)


def _nobody() -> str:
    """Flask-Limiter asks for a key at routes that it limits by itself: there are none."""
    raise AssertionError("no route is limited by its decorator")
