"""POST /v1/tickets: read strictly, decided by `broker.issue`, answered once it is on record."""

from flask import Request, Response

from broker.http.answers import DryRunAnswer, TicketBody
from broker.http.bodies import IDEMPOTENCY_KEY, body_of, digest_of, names_in_grammar
from broker.http.context import Asked, asked, requested
from broker.http.issued import decision, ticket_answer
from broker.http.problems import InvalidRequest
from broker.http.query import flag, only
from broker.http.recording import charged_where_refused, refusals_on_record
from broker.http.replies import reply
from broker.issue import issue, rehearse
from broker.model.issuance import TicketRequest
from broker.model.names import GrantId, VcenterId, parse_host_name, parse_id, parse_idempotency_key
from broker.ports.access import AccessLog
from broker.ports.issuing import Rooms

PATH = "/v1/tickets"


class Tickets:
    """The view. What is no ticket request is refused on record as well."""

    def __init__(self, rooms: Rooms, log: AccessLog) -> None:
        self._rooms = rooms
        self._log = log

    def post(self) -> Response:
        """One ticket, or with `?dry_run=true` the decision alone."""
        about = asked()
        with refusals_on_record(self._log, about, PATH), charged_where_refused(self._rooms.limits, about):
            wanted = _read(requested(), about)
        if wanted.dry_run:
            return self._rehearsed(wanted, about)
        return self._issued(wanted, about)

    def _issued(self, wanted: TicketRequest, about: Asked) -> Response:
        ticket = issue(wanted, about.known, self._rooms)
        answer = reply(ticket_answer(ticket, self._rooms.clock.now()))
        if ticket.attempt > 1:
            answer.headers["Idempotency-Replayed"] = "reissued"
        return answer

    def _rehearsed(self, wanted: TicketRequest, about: Asked) -> Response:
        dry_run = rehearse(wanted, about.known, self._rooms)
        return reply(DryRunAnswer(**dict(decision(dry_run, self._rooms.clock.now()))))


def _read(given: Request, about: Asked) -> TicketRequest:
    """Raises what `body_of` does, and InvalidRequest.

    A dry run takes no key: it makes no issuance that a further request could be an attempt of.
    """
    dry_run = flag(only(given, {"dry_run"}), "dry_run")
    body = body_of(given, TicketBody)
    key = given.headers.get(IDEMPOTENCY_KEY)
    if dry_run and key is not None:
        raise InvalidRequest(((IDEMPOTENCY_KEY, "does not go with dry_run=true"),))
    with names_in_grammar():
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
            digest=digest_of(host, vcenter, grant),
        )
