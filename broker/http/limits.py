"""Budgets: per app, per grant and host, for the whole service, and for failures per address.

Windows move and live in the process, or in Redis where several processes share them. While
Redis does not answer, each process counts by itself and allows half.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, g
from flask_limiter import Limiter, RateLimitExceeded
from limits.strategies import MovingWindowRateLimiter
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from broker.errors import Limited, Reason, Refused
from broker.http.context import Left, asked
from broker.http.redis_url import checked_redis_url
from broker.http.windows import SCHEME, ProcessWindows
from broker.model.inventory import Host
from broker.model.names import AppId
from broker.model.networks import network_of
from broker.model.policy import Grant, Rate
from broker.model.secret import Secret
from broker.ports.clock import Clock
from broker.ports.issuing import PolicySource

_log = logging.getLogger(__name__)

IN_MEMORY = "limits_in_memory"
"""The code in /readyz while Redis is configured and does not answer."""

_REDIS_OPTIONS: Mapping[str, Any] = {
    "protocol": 2,
    "socket_connect_timeout": 0.5,
    "socket_timeout": 0.5,
    "retry": Retry(NoBackoff(), 0),
}


@dataclass(frozen=True, slots=True)
class WindowStore:
    """Where windows live: a URI of the `limits` library, a secret since it may hold a password."""

    uri: Secret
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def memory(cls) -> "WindowStore":
        """In this process."""
        return cls(Secret(f"{SCHEME}://"))

    @classmethod
    def redis(cls, url: Secret) -> "WindowStore":
        """Redis, Sentinel or Cluster, in a form of `checked_redis_url`. Raises SecretUnavailable."""
        return cls(checked_redis_url(url), _REDIS_OPTIONS)


class _Limiter(Limiter):
    """Flask-Limiter with windows of our own while Redis is away: the library's only ever grow."""

    def init_app(self, app: Flask) -> None:
        """Work within requests of this app."""
        super().init_app(app)
        self._fallback_limiter = MovingWindowRateLimiter(ProcessWindows())


@dataclass(frozen=True, slots=True)
class _Budget:
    """One window. `key` is made of canonical ids only, so no spelling opens a fresh one."""

    name: str
    key: str
    rate: Rate


class RequestLimits:
    """The Limits port, within a request of the app that `install` was called with.

    Flask-Limiter's own context manager keys a limit by its place in the code and so mixes up
    concurrent requests; here one decorated call reads the budget in hand from the request.
    """

    def __init__(
        self, policy: PolicySource, service: Rate, failures: Rate, store: WindowStore, clock: Clock
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._service = service
        self._failures = failures
        self._limiter = _Limiter(
            key_func=_key,
            storage_uri=store.uri.reveal(),
            storage_options=dict(store.options),
            strategy="moving-window",
            headers_enabled=False,
            in_memory_fallback_enabled=True,
            request_identifier=_one_name,
        )
        self._hit = self._limiter.shared_limit(self._text, scope=_name, key_func=_key)(_nothing)

    def install(self, app: Flask) -> None:
        """Work within requests of this app."""
        self._limiter.init_app(app)

    def degraded(self) -> tuple[str, ...]:
        """The code that says that windows are counted by each process alone, or nothing."""
        return (IN_MEMORY,) if self._on_its_own() else ()

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
        g.budget = budget
        try:
            self._hit()
        except RateLimitExceeded:
            left = self._left(budget)
            wait = left.reset_s if left else budget.rate.seconds
            raise Limited(Reason.RATE_LIMITED, wait, f"{budget.name} {budget.key}") from None
        if budget.name in _SHOWN and (left := self._left(budget)):
            asked().budgets.append(left)

    def _left(self, budget: _Budget) -> Left | None:
        """What the window says now; None where it cannot be asked, since headers are a courtesy."""
        current = self._limiter.current_limit
        if current is None:
            return None
        try:
            remaining, reset_at = current.remaining, current.reset_at
        except RedisError:
            return None
        wait = min(max(1, reset_at - int(self._clock.now().timestamp())), budget.rate.seconds)
        return Left(budget.name, current.limit.amount, budget.rate.seconds, max(0, remaining), wait)

    def _rate_of(self, app: AppId) -> Rate:
        found = self._policy.current().apps.get(app)
        if found is None:
            raise Refused(Reason.UNAUTHENTICATED, "the app left the policy while it asked")
        return found.rate

    def _text(self) -> str:
        rate: Rate = g.budget.rate
        count = max(1, rate.count // 2) if self._on_its_own() else rate.count
        return f"{count} per {rate.seconds} second"

    def _on_its_own(self) -> bool:
        return self._limiter.limiter.storage is not self._limiter.storage


_SHOWN = frozenset({"app", "grant", "token"})
"""What an app may see: how busy the whole service is, or its address, is not its business."""


def _key() -> str:
    return str(g.budget.key)


def _name(_endpoint: str) -> str:
    return str(g.budget.name)


def _one_name(*_: object) -> str:
    """Not the endpoint: Flask-Limiter exempts requests that have none."""
    return "broker"


def _nothing() -> None:
    """What is rate-limited: the budget in hand."""
