"""A desk with small budgets, for tests that spend them."""

from dataclasses import replace

from broker.http.limits import WindowStore
from broker.model.policy import Rate, Scope
from broker.model.settings import ServerSettings
from tests.support.http_fakes import (
    HTTP_POLICY,
    NAGIOS,
    OTHER,
    PUBLIC_KEYS,
    Desk,
    app_named,
    make_desk,
    settings_for,
)
from tests.support.issuing import GRANT

BODY = {"host": "esx01.example.com"}


def limited_desk(
    app: Rate = Rate(1000, 60),  # noqa: B008 - frozen
    grant: Rate = Rate(1000, 60),  # noqa: B008 - frozen
    store: WindowStore | None = None,
    **settings: Rate,
) -> Desk:
    apps = {
        **HTTP_POLICY.apps,
        NAGIOS: app_named(NAGIOS, Scope.TICKETS, keys=PUBLIC_KEYS, rate=app),
        OTHER: app_named(OTHER, Scope.TICKETS, rate=app),
    }
    policy = replace(HTTP_POLICY, apps=apps, grants={GRANT.id: replace(GRANT, rate_per_host=grant)})
    changed: ServerSettings = replace(settings_for(), **settings)  # type: ignore[arg-type]
    return make_desk(policy, changed, store)


def statuses(desk: Desk, count: int, headers: dict[str, str], path: str = "/v1/hosts") -> list[int]:
    return [desk.client.get(path, headers=headers).status_code for _ in range(count)]
