"""The HTTP room with everything around it in memory: what each part was asked stands in lists."""

import hashlib
import hmac
import json
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from flask import Flask
from flask.testing import FlaskClient
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from werkzeug.test import TestResponse

from broker.errors import Limited, LogUnavailable, Reason, Refused
from broker.http.app import AccessRooms, create_app
from broker.http.health import HealthWatch
from broker.http.limits import RequestLimits, WindowStore
from broker.http.oauth.client_secret import HashedSecrets
from broker.http.oauth.keys import KeyRing, SigningKeys
from broker.http.oauth.tokens import AccessTokens
from broker.ids import new_issuance_id
from broker.model.applied import AppliedGrant
from broker.model.inventory import Host, HostFacts, HostRef, Sighting
from broker.model.issuance import Origin
from broker.model.names import AccountId, AppId, GrantId, HostName, IssuanceId, VcenterId, parse_issuance_id
from broker.model.policy import App, Policy, PublicKey, Rate, Scope
from broker.model.secret import Secret, SecretVariable
from broker.model.settings import AuditSettings, ServerSettings, TlsListener, UnixListener
from broker.ports.access import AppCredential, IssuancePage, IssuanceView
from broker.ports.issuing import Rooms
from broker.ports.turns import FOR_NOBODY, Turns
from tests.support.issuing import POLICY, World
from tests.support.shown_log import EMPTY_LOG, ShownLog

ISSUER = "https://broker.example.com:8443"
TOKEN_ENDPOINT = ISSUER + "/oauth2/token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
NAGIOS = AppId("nagios")
OTHER = AppId("other")
AUDITOR = AppId("auditor")
CLIENT_SECRET = "canary-client-secret-" + "x" * 22
TLS = TlsListener("127.0.0.1", 0, Path("tls.crt"), Path("tls.key"))
UNIX = UnixListener(Path("/run/broker/broker.sock"))


def pem_of(key: Any) -> str:
    encoded: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return encoded.decode()


def public_pem_of(key: Any) -> str:
    encoded: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded.decode()


SIGNING_PEM = pem_of(ec.generate_private_key(ec.SECP256R1()))
APP_KEYS: Mapping[str, Any] = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
}
PUBLIC_KEYS = (
    PublicKey("k-es256", "ES256", public_pem_of(APP_KEYS["ES256"])),
    PublicKey("k-ed25519", "Ed25519", public_pem_of(APP_KEYS["Ed25519"])),
    PublicKey("k-rs256", "RS256", public_pem_of(APP_KEYS["RS256"])),
    PublicKey("k-ps256", "PS256", public_pem_of(APP_KEYS["RS256"])),
)
KINDS: Mapping[str, Any] = {"ES256": ECKey, "Ed25519": OKPKey, "RS256": RSAKey}
KEY_OF = {"ES256": "ES256", "Ed25519": "Ed25519", "RS256": "RS256", "PS256": "RS256"}


RATE = Rate(1000, 60)


def app_named(name: AppId, *scopes: Scope, keys: Sequence[PublicKey] = (), rate: Rate = RATE) -> App:
    return App(name, "", "owner", frozenset(scopes), tuple(keys), rate)


HTTP_POLICY = replace(
    POLICY,
    apps={
        NAGIOS: app_named(NAGIOS, Scope.TICKETS, Scope.ROLES_READ, keys=PUBLIC_KEYS),
        OTHER: app_named(OTHER, Scope.TICKETS),
        AUDITOR: app_named(AUDITOR, Scope.AUDIT_READ),
    },
)


@dataclass
class Access:
    """Credentials, replay guard, access log, issuances, listing and health at once."""

    world: World
    credentials: dict[AppId, AppCredential] = field(default_factory=dict)
    used: set[tuple[AppId, str]] = field(default_factory=set)
    until: list[datetime] = field(default_factory=list)
    issued: list[tuple[AppId, str, tuple[str, ...]]] = field(default_factory=list)
    answer_ids: list[IssuanceId] = field(default_factory=list)
    denied: list[tuple[AppId, Reason]] = field(default_factory=list)
    turned_away: list[tuple[AppId | None, str, Origin]] = field(default_factory=list)
    refused: list[tuple[AppId | None, str, str, IssuanceId]] = field(default_factory=list)
    views: list[IssuanceView] = field(default_factory=list)
    inventory: dict[AccountId, tuple[Sighting, ...] | Refused] = field(default_factory=dict)
    facts_read: set[HostRef] = field(default_factory=set)
    codes: tuple[str, ...] = ()
    can: bool = True
    without_room: Callable[[], bool] = lambda: False
    leaves: bool = False
    log_down: bool = False
    refusals_left: int = 1000

    def now(self) -> "Access":
        return self

    def grant_disabled(self, grant: GrantId) -> bool:
        return self.world.grant_disabled(grant)

    def applied(self, grant: GrantId) -> AppliedGrant | None:
        return self.world.applied(grant)

    def heard(self, vcenter: VcenterId) -> datetime | None:
        return self.world.heard(vcenter)

    def credential(self, app: AppId) -> AppCredential | None:
        self._up()
        return self.credentials.get(app)

    def first_use(self, app: AppId, jti: str, until: datetime) -> bool:
        self._up()
        self.until.append(until)
        fresh = (app, jti) not in self.used
        self.used.add((app, jti))
        return fresh

    def token_issued(self, app: AppId, method: str, scopes: Sequence[str], origin: Origin) -> None:
        self._up()
        self.issued.append((app, method, tuple(scopes)))

    def token_refused(self, app: AppId | None, cause: str, origin: Origin) -> IssuanceId:
        self._spend()
        self.turned_away.append((app, cause, origin))
        return self._answer_id()

    def token_denied(self, app: AppId, reason: Reason, origin: Origin) -> IssuanceId:
        self._spend()
        self.denied.append((app, reason))
        return self._answer_id()

    def access_refused(
        self, app: AppId | None, reason: Reason, path: str, origin: Origin, cause: str = ""
    ) -> IssuanceId:
        self._spend()
        answer = self._answer_id()
        self.refused.append((app, cause or reason, path, answer))
        return answer

    def _answer_id(self) -> IssuanceId:
        self.answer_ids.append(new_issuance_id(self.world.clock))
        return self.answer_ids[-1]

    def page(self, app: AppId | None, cursor: str | None, limit: int) -> IssuancePage:
        mine = [view for view in self.views if app in (None, view.app)]
        ids = [view.issuance for view in mine]
        start = ids.index(parse_issuance_id(cursor)) if cursor else 0
        rest = mine[start:]
        return IssuancePage(tuple(rest[:limit]), rest[limit].issuance if len(rest) > limit else None)

    def one(self, app: AppId | None, issuance: IssuanceId) -> IssuanceView | None:
        return next((v for v in self.views if v.issuance == issuance and app in (None, v.app)), None)

    def visible(self, account: AccountId) -> tuple[Sighting, ...]:
        found = self.inventory.get(account, self.world.sightings)
        if isinstance(found, Refused):
            raise found
        return found

    def known_facts(self, account: AccountId, host: Host) -> HostFacts | None:
        now = self.world.facts_now
        return now if host.ref in self.facts_read and isinstance(now, HostFacts) else None

    def degraded(self) -> tuple[str, ...]:
        return self.codes

    def can_issue(self) -> bool:
        return self.can

    def turns_away(self) -> bool:
        return self.without_room()

    def _up(self) -> None:
        if self.log_down:
            raise LogUnavailable("the store is gone")

    def _spend(self) -> None:
        self._up()
        if self.refusals_left <= 0:
            raise Limited(Reason.TOO_MANY_REFUSALS, 17)
        self.refusals_left -= 1


def credential(
    app: AppId, secret: str | None = None, generation: int = 1, *, disabled: bool = False
) -> AppCredential:
    hashes = (hashlib.sha256(secret.encode()).digest(),) if secret else ()
    return AppCredential(app, disabled, generation, hashes)


class CountedSecrets(HashedSecrets):
    """Compares as the real one does, and counts."""

    def __init__(self) -> None:
        self.compared = 0

    def matches(self, presented: Secret, hashes: tuple[bytes, ...]) -> bool:
        self.compared += 1
        return super().matches(presented, hashes)


def settings_for(listener: TlsListener | UnixListener = TLS) -> ServerSettings:
    return ServerSettings(
        issuer=ISSUER,
        listener=listener,
        workers=1,
        threads=4,
        batch_hosts=100,
        store=Path("broker.db"),
        roles=Path("roles"),
        signing_keys=(SecretVariable("NONE"),),
        fingerprint_key=SecretVariable("NONE"),
        old_fingerprint_keys=(),
        audit=AuditSettings(keys=Path("audit-keys"), high_water=None, checkpoints=None),
        redis_url=None,
        proof_max_age_s=30.0,
        service_rate=Rate(10_000, 60),
        failed_authentications=Rate(1000, 60),
        recorded_refusals=Rate(1000, 60),
        disk_reserve_mib=1,
        orphan_grace_s=30.0,
        metrics=None,
    )


@dataclass
class Desk:
    """The app, its surroundings, and the calls that tests make."""

    world: World
    access: Access
    app: Flask
    keys: KeyRing
    compared: CountedSecrets
    limits: RequestLimits
    tokens: AccessTokens

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def token(self, app: AppId = NAGIOS, scope: str = "tickets") -> str:
        answer = self.ask_token(app, scope)
        assert answer.status_code == 200, answer.text
        return str(answer.json["access_token"]) if answer.json else ""

    def ask_token(
        self, app: AppId = NAGIOS, scope: str | None = "tickets", secret: str = CLIENT_SECRET
    ) -> TestResponse:
        form = {"grant_type": "client_credentials"} | ({} if scope is None else {"scope": scope})
        return self.client.post("/oauth2/token", data=form, headers=basic(app, secret))

    def assert_token(self, assertion: str, **more: str) -> TestResponse:
        form = {
            "grant_type": "client_credentials",
            "scope": "tickets",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        return self.client.post("/oauth2/token", data=form | more)

    def bearer(self, app: AppId = NAGIOS, scope: str = "tickets") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(app, scope)}"}

    def ticket(self, body: object, headers: Mapping[str, str] | None = None, query: str = "") -> TestResponse:
        return self.client.post(
            f"/v1/tickets{query}", json=body, headers={**self.bearer(), **(headers or {})}
        )

    def get(self, path: str, app: AppId = NAGIOS, scope: str = "tickets") -> TestResponse:
        return self.client.get(path, headers=self.bearer(app, scope))

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Claims of a good assertion; None takes one out."""
        now = int(self.world.clock.now().timestamp())
        good = {
            "iss": NAGIOS,
            "sub": NAGIOS,
            "aud": TOKEN_ENDPOINT,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_hex(8),
        }
        return {name: value for name, value in (good | changed).items() if value is not None}


def basic(app: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{app}:{secret}".encode()).decode()}


def sign(claims: Mapping[str, Any] | str, header: Mapping[str, Any], key: Key | bytes | None = None) -> str:
    """A compact JWS with exactly this header, and as payload maybe a text that no JSON writer makes."""
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    signed = f"{b64(json.dumps(header))}.{b64(payload)}"
    return f"{signed}.{b64_bytes(_signature(signed.encode(), header['alg'], key))}"


def _signature(signed: bytes, algorithm: str, key: Key | bytes | None) -> bytes:
    if isinstance(key, bytes):
        return hmac.digest(key, signed, "sha" + algorithm[2:])
    kind = KEY_OF.get(algorithm, "Ed25519")
    key = key or KINDS[kind].import_key(pem_of(APP_KEYS[kind]))
    return JWSRegistry.algorithms["Ed25519" if algorithm == "EdDSA" else algorithm].sign(signed, key)


def b64(text: str) -> str:
    return b64_bytes(text.encode())


def b64_bytes(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def signing_key(pem: str = SIGNING_PEM) -> ECKey:
    return ECKey.import_key(pem)


def make_desk(
    policy: Policy = HTTP_POLICY,
    settings: ServerSettings | None = None,
    store: WindowStore | None = None,
    world: World | None = None,
    turns: Turns | None = None,
    log: ShownLog | None = None,
) -> Desk:
    world = world or World(policy=policy)
    settings = settings or settings_for()
    access = Access(world)
    for app in policy.apps:
        access.credentials[app] = credential(app, CLIENT_SECRET)
    limits = RequestLimits(
        world,
        settings.service_rate,
        settings.failed_authentications,
        store or WindowStore.memory(),
        world.clock,
    )
    rooms: Rooms = replace(world.rooms(), limits=limits, entitlements=access)
    keys = KeyRing(SigningKeys([Secret(SIGNING_PEM)]))
    compared = CountedSecrets()
    watch = HealthWatch(access, limits)
    tokens = AccessTokens(keys, settings.issuer, world.clock)
    access_rooms = AccessRooms(
        access,
        access,
        access,
        access,
        access,
        watch,
        lambda: access.leaves,
        access.turns_away,
        turns or FOR_NOBODY,
        (log or EMPTY_LOG).desk,
        (log or EMPTY_LOG).proofs,
        compared,
    )
    flask = create_app(settings, rooms, access_rooms, limits, tokens)
    return Desk(world, access, flask, keys, compared, limits, tokens)


def host_name(text: str) -> HostName:
    return HostName(text)
