"""POST /v1/tickets:batch: many hosts, each on the way of a single ticket, a line for each as it ends."""

from collections.abc import Callable

from flask import Request, Response, request

from broker.batch import Batch
from broker.foresee import expect, foresee, places
from broker.http.batch_answers import BatchBody
from broker.http.batch_stream import BatchStream
from broker.http.bodies import IDEMPOTENCY_KEY, body_of, digest_of, names_in_grammar
from broker.http.context import asked
from broker.http.peer import Peer
from broker.http.problems import InvalidRequest
from broker.http.query import only
from broker.http.recording import charged_where_refused, refusals_on_record
from broker.ids import new_issuance_id
from broker.model.issuance import BatchEnd, TicketRequest
from broker.model.names import (
    GrantId,
    HostName,
    IdempotencyKey,
    VcenterId,
    parse_host_name,
    parse_id,
    parse_idempotency_key,
)
from broker.ports.access import AccessLog
from broker.ports.clock import Clock
from broker.ports.issuing import Rooms
from broker.ports.turns import Turns

PATH = "/v1/tickets:batch"
MEDIA_TYPE = "application/x-ndjson"
REQUEST_ID = "Broker-Request-Id"


class Batches:
    """The view. `body` is what may be asked, `leaving` says whether this process shuts down."""

    def __init__(
        self,
        rooms: Rooms,
        log: AccessLog,
        body: type[BatchBody],
        leaving: Callable[[], bool],
        turns: Turns,
    ) -> None:
        self._rooms = rooms
        self._log = log
        self._body = body
        self._leaving = leaving
        self._turns = turns

    def post(self) -> Response:
        """Refused as a whole where it is no batch of ticket requests; else 200, and each line says how."""
        about = asked()
        with refusals_on_record(self._log, about, PATH), charged_where_refused(self._rooms.limits, about):
            only(request, ())
            body = body_of(request, self._body)
            requests = _requests(request, body, self._rooms.clock)
        foreseen = foresee(requests, about.known, self._rooms)
        missing = expect(foreseen, self._rooms)
        most = places(foreseen, self._rooms.policy.current()) or body.concurrency
        peer = Peer.of(request.environ)
        peer.keep_close()
        batch = Batch(
            requests,
            about.known,
            self._rooms,
            calls=min(body.concurrency, most),
            scouts=1 if missing else 0,
            ended=lambda: self._ended(peer),
            turns=self._turns,
        )
        stream = BatchStream(
            batch, body.hosts, about.answer_id, about.known, self._rooms.ledger, self._rooms.clock
        )
        answer = Response(stream.lines(), content_type=MEDIA_TYPE)
        answer.headers[REQUEST_ID] = about.answer_id
        answer.headers["X-Accel-Buffering"] = "no"  # nginx passes each line on at once
        return answer

    def _ended(self, peer: Peer) -> BatchEnd | None:
        if self._leaving():
            return BatchEnd.SHUTTING_DOWN
        return BatchEnd.DISCONNECTED if peer.gone() else None


def _requests(given: Request, body: BatchBody, clock: Clock) -> tuple[TicketRequest, ...]:
    """One request for each host, in order. Raises InvalidRequest."""
    hosts = _hosts(body)
    key = given.headers.get(IDEMPOTENCY_KEY)
    with names_in_grammar():
        vcenter = VcenterId(parse_id(body.vcenter, "vcenter")) if body.vcenter is not None else None
        grant = GrantId(parse_id(body.grant, "grant")) if body.grant is not None else None
        key = parse_idempotency_key(key) if key is not None else None
    return tuple(
        TicketRequest(
            issuance=new_issuance_id(clock),
            host=host,
            vcenter=vcenter,
            grant=grant,
            dry_run=False,
            idempotency_key=None if key is None else _own_key(key, host, vcenter, grant),
            digest=digest_of(host, vcenter, grant),
        )
        for host in hosts
    )


def _hosts(body: BatchBody) -> dict[HostName, int]:
    """Each host's canonical name, with where it stands: two spellings of one are one too many."""
    found: dict[HostName, int] = {}
    for index, text in enumerate(body.hosts):
        with names_in_grammar(f"/hosts/{index}"):
            host = parse_host_name(text)
        if host in found:
            raise InvalidRequest(((f"/hosts/{index}", f"is the host of /hosts/{found[host]} again"),))
        found[host] = index
    return found


def _own_key(
    key: IdempotencyKey, host: HostName, vcenter: VcenterId | None, grant: GrantId | None
) -> IdempotencyKey:
    """The key as it counts for one host, in whatever batch the host is asked for under it."""
    return IdempotencyKey(digest_of(key, host, vcenter, grant))
