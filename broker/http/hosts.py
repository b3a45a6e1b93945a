"""GET /v1/hosts."""

import base64
import binascii
import json

from flask import Response, request

from broker.errors import REASONS, LogUnavailable, Refused
from broker.http.answers import HostAnswer, HostsAnswer
from broker.http.context import asked
from broker.http.listing import Key, Knowledge, Listed, listed
from broker.http.query import asked_page, not_a_cursor
from broker.http.recording import refusals_on_record
from broker.http.replies import reply
from broker.model.inventory import Sighting
from broker.model.names import AccountId, AppId
from broker.policy.decide import standing_grants
from broker.ports.access import AccessLog, HostListing
from broker.ports.issuing import Rooms

PATH = "/v1/hosts"
_KEY_PARTS = 4


class Hosts:
    """The view. Hosts are listed by the functions that decide on tickets."""

    def __init__(self, rooms: Rooms, log: AccessLog, listing: HostListing) -> None:
        self._rooms = rooms
        self._log = log
        self._listing = listing

    def get(self) -> Response:
        """A page of the hosts that the caller may have tickets for."""
        about = asked()
        with refusals_on_record(self._log, about, PATH):
            self._rooms.limits.charge_caller(about.known.app)
            size, cursor = asked_page(request)
            return self._page(about.known.app, size, _after(cursor))

    def _page(self, app: AppId, size: int, start: Key | None) -> Response:
        policy = self._rooms.policy.current()
        in_force, now = self._rooms.entitlements.now(), self._rooms.clock.now()
        grants = standing_grants(policy, policy.grants_of(app), in_force.grant_disabled, now)
        sightings, incomplete = self._seen({grant.account for grant in grants})
        known = Knowledge(policy, in_force, now, self._listing.known_facts)
        rows = listed(known, grants, sightings)
        rows = [row for row in rows if start is None or row.key > start]
        page = rows[:size]
        return reply(
            HostsAnswer(
                items=tuple(_item(row) for row in page),
                next_cursor=_cursor(page[-1].key) if len(rows) > size else None,
                incomplete=incomplete,
            )
        )

    def _seen(self, accounts: set[AccountId]) -> tuple[list[Sighting], tuple[str, ...]]:
        seen: list[Sighting] = []
        missing: set[str] = set()
        for account in sorted(accounts):
            try:
                seen += self._listing.visible(account)
            except LogUnavailable:
                raise
            except Refused as refusal:
                missing.add(str(REASONS[refusal.reason].shown_as))
        return seen, tuple(sorted(missing))


def _item(row: Listed) -> HostAnswer:
    return HostAnswer(
        name=row.host.name,
        vcenter=row.host.ref.vcenter,
        moid=row.host.ref.moid,
        grant=row.grant.id,
        template=row.grant.template,
        ready=row.ready,
        reason=None if row.reason is None else str(REASONS[row.reason].shown_as),
        connection=row.host.connection,
        version=row.host.version,
        inventory_age_s=max(0, int(row.age_s)),
    )


def _cursor(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _after(told: str | None) -> Key | None:
    """Where the page goes on. Holds names only, so a forged one shows nothing that a listing does not."""
    if told is None:
        return None
    try:
        parts = json.loads(base64.b64decode(told, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or len(parts) != _KEY_PARTS or not all(isinstance(p, str) for p in parts):
        raise not_a_cursor()
    return (parts[0], parts[1], parts[2], parts[3])
