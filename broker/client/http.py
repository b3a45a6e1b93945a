"""One HTTPS session with the broker: access token in, JSON out, problems as errors."""

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import requests

from broker import __version__
from broker.client.anchor import AnchoredAdapter, anchored_context
from broker.client.answers import read_token
from broker.client.errors import BadAnswer, BrokerRefused, BrokerUnreachable, ClientError
from broker.client.tokens import ClientCredential
from broker.errors import REASONS, Reason
from broker.model.secret import Secret
from broker.ports.clock import Clock

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0
_RENEW_BEFORE_S = 30.0


class BrokerHttp:
    """Sends each request once, over TLS verified against `ca_file` and nothing else."""

    def __init__(
        self,
        base_url: str,
        ca_file: Path,
        credential: ClientCredential,
        clock: Clock,
        issuer: str,
        scope: str,
    ) -> None:
        if not base_url.startswith("https://"):
            raise ClientError("the broker's URL must begin with https://")
        self._base_url = base_url.rstrip("/")
        self._issuer = issuer.rstrip("/")
        self._scope = scope
        self._credential = credential
        self._clock = clock
        self._session = _session(ca_file)
        self._token: Secret | None = None
        self._renew_at = 0.0

    def get(self, path: str, cursor: str | None) -> dict[str, Any]:
        """GET as this app."""
        params = {} if cursor is None else {"cursor": cursor}
        return self._send(
            requests.Request("GET", self._base_url + path, headers=self._bearer(), params=params)
        )

    def post(self, path: str, body: Mapping[str, object], headers: Mapping[str, str]) -> dict[str, Any]:
        """POST one JSON object as this app."""
        return self._send(self._posted(path, body, headers))

    def post_for_lines(
        self, path: str, body: Mapping[str, object], headers: Mapping[str, str]
    ) -> Generator[bytes, None, None]:
        """POST one JSON object as this app; the lines of the answer, each as it comes.

        The connection is closed when the iterator is, read to its end or not.
        """
        with self._answer(self._posted(path, body, headers), stream=True) as answer:
            try:
                yield from answer.iter_lines()
            except requests.RequestException as error:
                raise BrokerUnreachable(f"{self._base_url}: {_why_cut(error)}") from None

    def close(self) -> None:
        """Close the connections and forget the access token."""
        self._token = None
        self._session.close()

    def _posted(self, path: str, body: Mapping[str, object], headers: Mapping[str, str]) -> requests.Request:
        return requests.Request(
            "POST", self._base_url + path, headers={**headers, **self._bearer()}, json=dict(body)
        )

    def _bearer(self) -> dict[str, str]:
        if self._token is None or self._clock.monotonic() >= self._renew_at:
            self._token = self._new_token()
        return {"Authorization": f"Bearer {self._token.reveal()}"}

    def _new_token(self) -> Secret:
        asked_at = self._clock.monotonic()
        proven = self._credential.prove(self._issuer, self._clock)
        form = {"grant_type": "client_credentials", "scope": self._scope, **proven.form}
        request = requests.Request(
            "POST", self._base_url + "/oauth2/token", headers=dict(proven.headers), data=form
        )
        document = self._send(request)
        token, life_s = read_token(document)
        self._renew_at = asked_at + life_s - _RENEW_BEFORE_S
        return token

    def _send(self, request: requests.Request) -> dict[str, Any]:
        return _json_object(self._answer(request, stream=False))

    def _answer(self, request: requests.Request, *, stream: bool) -> requests.Response:
        prepared = self._session.prepare_request(request)
        timeout = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        try:
            answer = self._session.send(prepared, timeout=timeout, allow_redirects=False, stream=stream)
        except requests.RequestException as error:
            # from None: the chain holds the request, and that holds the token
            raise BrokerUnreachable(f"{self._base_url}: {_why(error)}") from None
        if answer.status_code == requests.codes.unauthorized:
            self._token = None
        if not answer.ok or answer.is_redirect:
            raise _problem(answer)
        return answer


def _session(ca_file: Path) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["User-Agent"] = f"cim-ticket-broker/{__version__}"
    try:
        adapter = AnchoredAdapter(anchored_context(cafile=str(ca_file)))
    except OSError as error:  # ssl.SSLError is one
        raise ClientError(f"the CA file {ca_file} holds no certificate in PEM") from error
    session.adapters.clear()
    session.mount("https://", adapter)
    return session


def _why(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        if "doesn't match" in str(error) or "mismatch" in str(error).lower():
            return "the broker's certificate is for another name than the URL's"
        return "the broker's certificate does not verify against the CA file"
    if isinstance(error, requests.Timeout):
        return "the broker did not answer in time"
    return "nothing answers there: check host and port, and whether the broker runs"


def _why_cut(error: requests.RequestException) -> str:
    return "the broker went silent" if "timed out" in str(error) else "the answer was cut"


def _json_object(answer: requests.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except requests.JSONDecodeError:
        raise BadAnswer(f"the answer (status {answer.status_code}) is not JSON") from None
    if not isinstance(document, dict):
        raise BadAnswer(f"the answer (status {answer.status_code}) is not a JSON object")
    return document


def _problem(answer: requests.Response) -> ClientError:
    """RFC 9457 from the API, RFC 6749 (5.2) from the token endpoint."""
    try:
        document = _json_object(answer)
    except BadAnswer as error:
        return error
    told = {key: str(value) for key, value in document.items() if isinstance(value, str | int)}
    code = told.get("code") or told.get("error") or "unknown"
    retry_after = answer.headers.get("Retry-After", "")
    return BrokerRefused(
        status=answer.status_code,
        code=code,
        title=told.get("title") or told.get("error_description") or f"status {answer.status_code}",
        advice=told.get("advice") or _advice_on(code),
        request_id=told.get("id") or answer.headers.get("Broker-Request-Id", ""),
        retry_after_s=int(retry_after) if retry_after.isdecimal() else None,
    )


def _advice_on(code: str) -> str:
    """RFC 6749's answers have no room for advice; ours on the same code holds."""
    return REASONS[Reason(code)].advice if code in set(Reason) else ""
