"""POST /v1/tickets: read strictly, decided by `broker.issue`, answered once it is on record."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Request, Response, request
from gunicorn.http.errors import ParseException
from pydantic import ValidationError
from werkzeug.exceptions import ClientDisconnected

from broker.errors import InvalidName, Reason, Refused
from broker.http.answers import (
    CertificateAnswer,
    Decision,
    DryRunAnswer,
    EndpointAnswer,
    HostName,
    TemplateName,
    TicketAnswer,
    TicketBody,
)
from broker.http.context import Asked, asked
from broker.http.problems import InvalidRequest
from broker.http.query import flag, only
from broker.http.recording import refusals_on_record
from broker.http.replies import reply
from broker.http.strict_json import NotStrictJson, parse
from broker.issue import issue, rehearse
from broker.model.issuance import DryRun, IssuedTicket, TicketRequest
from broker.model.names import GrantId, VcenterId, parse_host_name, parse_id, parse_idempotency_key
from broker.ports.access import AccessLog
from broker.ports.issuing import Rooms

PATH = "/v1/tickets"
MEDIA_TYPE = "application/json"


class Tickets:
    """The view. What is no ticket request is refused on record as well."""

    def __init__(self, rooms: Rooms, log: AccessLog) -> None:
        self._rooms = rooms
        self._log = log

    def post(self) -> Response:
        """One ticket, or with `?dry_run=true` the decision alone."""
        about = asked()
        with refusals_on_record(self._log, about, PATH), self._charged_where_refused(about):
            wanted = _read(request, about)
        if wanted.dry_run:
            return self._rehearsed(wanted, about)
        return self._issued(wanted, about)

    @contextmanager
    def _charged_where_refused(self, about: Asked) -> Iterator[None]:
        """`issue()` charges the caller for what becomes a ticket request; here the rest is charged."""
        try:
            yield
        except Refused:
            self._rooms.limits.charge_caller(about.known.app)
            raise

    def _issued(self, wanted: TicketRequest, about: Asked) -> Response:
        ticket = issue(wanted, about.known, self._rooms)
        answer = reply(self._ticket_answer(ticket))
        if ticket.attempt > 1:
            answer.headers["Idempotency-Replayed"] = "reissued"
        return answer

    def _rehearsed(self, wanted: TicketRequest, about: Asked) -> Response:
        dry_run = rehearse(wanted, about.known, self._rooms)
        return reply(DryRunAnswer(**dict(self._decision(dry_run))))

    def _ticket_answer(self, ticket: IssuedTicket) -> TicketAnswer:
        endpoint = ticket.endpoint
        return TicketAnswer(
            **dict(self._decision(ticket)),
            attempt=ticket.attempt,
            session_id=ticket.session_id.reveal(),  # what the whole way is for
            endpoint=EndpointAnswer(address=endpoint.address, port=endpoint.port, url=endpoint.url),
            certificate=CertificateAnswer(pem=endpoint.certificate_pem, sha256=endpoint.certificate_sha256),
            issued_at=ticket.issued_at,
            expires_at=ticket.expires_at,
        )

    def _decision(self, made: IssuedTicket | DryRun) -> Decision:
        host = made.host
        return Decision(
            issuance=made.issuance,
            host=HostName(name=host.name, vcenter=host.ref.vcenter, moid=host.ref.moid),
            template=TemplateName(id=made.template, revision=made.template_revision),
            grant=made.grant,
            account=made.account,
            warnings=made.warnings,
            server_time=self._rooms.clock.now(),
        )


def _read(given: Request, about: Asked) -> TicketRequest:
    """Raises Refused(UNSUPPORTED_MEDIA_TYPE | TOO_LARGE | MALFORMED | INVALID_REQUEST).

    A dry run takes no key: it makes no issuance that a further request could be an attempt of.
    """
    dry_run = flag(only(given, {"dry_run"}), "dry_run")
    if given.mimetype != MEDIA_TYPE:
        raise Refused(Reason.UNSUPPORTED_MEDIA_TYPE)
    body = _body(given)
    key = given.headers.get("Idempotency-Key")
    if dry_run and key is not None:
        raise InvalidRequest((("Idempotency-Key", "does not go with dry_run=true"),))
    with _names_in_grammar():
        host = parse_host_name(body.host)
        vcenter = VcenterId(parse_id(body.vcenter, "vcenter")) if body.vcenter is not None else None
        grant = GrantId(parse_id(body.grant, "grant")) if body.grant is not None else None
        return TicketRequest(
            issuance=about.answer_id,
            host=host,
            vcenter=vcenter,
            grant=grant,
            dry_run=dry_run,
            idempotency_key=parse_idempotency_key(key) if key is not None else None,
            digest=_digest(host, vcenter, grant),
        )


def _body(given: Request) -> TicketBody:
    try:
        document = parse(_bytes(given))
    except NotStrictJson as error:
        raise Refused(Reason.MALFORMED, str(error)) from None
    try:
        return TicketBody.model_validate(document)
    except ValidationError as error:
        raise InvalidRequest(_faults(error)) from None


def _bytes(given: Request) -> bytes:
    """Raises Refused(MALFORMED | TOO_LARGE), the latter whether or not the length was announced.

    Werkzeug ends a body of unknown length at the limit and says nothing, so one that reaches it
    is too large.
    """
    limit = given.max_content_length or 0
    if (given.content_length or 0) >= limit:
        raise Refused(Reason.TOO_LARGE)
    try:
        body = given.get_data(cache=False)
    except (ParseException, ClientDisconnected):  # chunks that are none, or fewer bytes than announced
        raise Refused(Reason.MALFORMED, "the body does not end as it was announced") from None
    if len(body) >= limit:
        raise Refused(Reason.TOO_LARGE)
    return body


def _faults(error: ValidationError) -> tuple[tuple[str, str], ...]:
    """Where the body does not fit. A name that we do not have is not repeated."""
    return tuple(
        ("", "a field that this call does not have")
        if fault["type"] == "extra_forbidden"
        else ("".join(f"/{part}" for part in fault["loc"]), str(fault["msg"]))
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    )[:10]


@contextmanager
def _names_in_grammar() -> Iterator[None]:
    try:
        yield
    except InvalidName as error:
        place = "Idempotency-Key" if error.kind == "Idempotency-Key" else f"/{error.kind}"
        raise InvalidRequest(((place, f"expected {error.grammar}"),)) from None


def _digest(host: str, vcenter: str | None, grant: str | None) -> str:
    """Of the request's meaning: two spellings of one host are one request."""
    meaning = json.dumps([host, vcenter, grant], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(meaning.encode()).hexdigest()
