"""An app as an OAuth client: the policy says who it is, the store whether its credential still stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError

from broker.errors import InvalidName
from broker.model.names import AppId, parse_id
from broker.model.policy import App, Scope
from broker.ports.access import AppCredential, AppCredentials
from broker.ports.issuing import PolicySource

PRIVATE_KEY_JWT = "private_key_jwt"
CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105 - the name of a method
METHODS = (PRIVATE_KEY_JWT, CLIENT_SECRET_BASIC)
GRANT_TYPE = "client_credentials"


class ClientCause(StrEnum):
    """Why a client is turned away at the token endpoint: for the log, never for the caller."""

    NO_CREDENTIALS = "no_credentials"
    TWO_CREDENTIALS = "two_credentials"
    UNREADABLE = "unreadable_credentials"
    APP_UNKNOWN = "app_unknown"
    APP_DISABLED = "app_disabled"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a cause
    WRONG_KEY = "no_such_key"
    WRONG_ALGORITHM = "wrong_algorithm"
    BAD_SIGNATURE = "bad_signature"
    WRONG_ISSUER = "wrong_issuer"
    WRONG_AUDIENCE = "wrong_audience"
    WRONG_TIMES = "wrong_times"
    NO_JTI = "no_jti"
    REPLAYED = "replayed"

    @property
    def meaning(self) -> str:
        """One line for the reference."""
        return _MEANINGS[self]


_MEANINGS: Mapping[ClientCause, str] = {
    ClientCause.NO_CREDENTIALS: "No assertion and no client secret came along.",
    ClientCause.TWO_CREDENTIALS: "Both an assertion and an Authorization header came along.",
    ClientCause.UNREADABLE: "The assertion or the Basic header is not of the form that is accepted.",
    ClientCause.APP_UNKNOWN: "No app of that id in the policy, or none let in by `broker apps add`.",
    ClientCause.APP_DISABLED: "The credential holds, and an operator cut the app.",
    ClientCause.WRONG_SECRET: "The client secret is not the app's, or the app has none.",
    ClientCause.WRONG_KEY: "The app has no key of the id in the assertion, or no key at all.",
    ClientCause.WRONG_ALGORITHM: "The assertion is signed by another algorithm than its key is for.",
    ClientCause.BAD_SIGNATURE: "The signature does not hold.",
    ClientCause.WRONG_ISSUER: "`iss`, `sub` and `client_id` do not all name the app.",
    ClientCause.WRONG_AUDIENCE: "`aud` is not this broker's issuer or token endpoint alone.",
    ClientCause.WRONG_TIMES: "`iat`, `nbf` or `exp` do not hold now, or it lives more than five minutes.",
    ClientCause.NO_JTI: "`jti` is missing, too long or not printable.",
    ClientCause.REPLAYED: "This `jti` was used before.",
}


class ClientDenied(InvalidClientError):  # type: ignore[misc]  # Authlib has no types
    """This caller is not the client that it says it is. `app` only where it is one of the policy."""

    def __init__(self, cause: ClientCause, app: AppId | None = None) -> None:
        super().__init__(status_code=401)
        self.cause = cause
        self.app = app


@dataclass(frozen=True, slots=True, repr=False)
class Client(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """One app with its credential. Prints as its id: Authlib logs clients."""

    app: App
    credential: AppCredential

    def __repr__(self) -> str:
        return f"<Client {self.app.id}>"

    def get_client_id(self) -> str:
        """The app's id."""
        return self.app.id

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - Authlib's signature
        """Whether the app may use this method: it has a key, or it has a secret."""
        if method == PRIVATE_KEY_JWT:
            return bool(self.app.keys)
        return method == CLIENT_SECRET_BASIC and bool(self.credential.secret_hashes)

    def check_grant_type(self, grant_type: str) -> bool:
        """Client credentials and nothing else."""
        return grant_type == GRANT_TYPE

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """`scope` in canonical order if it is not empty, known and the app's own; None otherwise."""
        try:
            asked = frozenset(Scope(word) for word in (scope or "").split(" ") if word)
        except ValueError:
            return None
        if not asked or not asked <= self.app.scopes:
            return None
        return " ".join(sorted(asked))


class Clients:
    """Finds clients by their exact id in the policy now in force and in the store."""

    def __init__(self, policy: PolicySource, credentials: AppCredentials) -> None:
        self._policy = policy
        self._credentials = credentials

    def find(self, client_id: object) -> Client | None:
        """None for an id outside the grammar, an app outside the policy, an app without credential.

        Raises LogUnavailable.
        """
        try:
            app_id = AppId(parse_id(client_id, "client_id")) if isinstance(client_id, str) else None
        except InvalidName:
            return None
        if app_id is None:
            return None
        apps = self._policy.current().apps
        # for an id outside the policy another's is looked up: no row is found sooner than one
        credential = self._credentials.credential(app_id if app_id in apps else next(iter(apps), app_id))
        app = apps.get(app_id)
        return Client(app, credential) if app and credential else None
