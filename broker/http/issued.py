"""A ticket as it is answered: the one place on the serving side where it is unwrapped for its app."""

from base64 import b64encode
from datetime import datetime

from broker.http.answers import (
    CertificateAnswer,
    Decision,
    EndpointAnswer,
    HostName,
    ReceiptAnswer,
    TemplateName,
    TicketAnswer,
)
from broker.model.issuance import DryRun, IssuedTicket
from broker.model.receipt import Receipt


def ticket_answer(ticket: IssuedTicket, server_time: datetime) -> TicketAnswer:
    """All that a client needs to use it."""
    endpoint = ticket.endpoint
    return TicketAnswer(
        **dict(decision(ticket, server_time)),
        attempt=ticket.attempt,
        session_id=ticket.session_id.reveal(),  # what the whole way is for
        endpoint=EndpointAnswer(address=endpoint.address, port=endpoint.port, url=endpoint.url),
        certificate=CertificateAnswer(pem=endpoint.certificate_pem, sha256=endpoint.certificate_sha256),
        issued_at=ticket.issued_at,
        expires_at=ticket.expires_at,
        receipt=_receipt(ticket.receipt),
    )


def _receipt(receipt: Receipt) -> ReceiptAnswer:
    return ReceiptAnswer(
        index=receipt.index,
        leaf_hash=receipt.leaf_hash.hex(),
        checkpoint=receipt.checkpoint,
        proof=tuple(b64encode(step).decode() for step in receipt.path),
    )


def decision(made: IssuedTicket | DryRun, server_time: datetime) -> Decision:
    """What was decided on."""
    host = made.host
    return Decision(
        issuance=made.issuance,
        host=HostName(name=host.name, vcenter=host.ref.vcenter, moid=host.ref.moid),
        template=TemplateName(id=made.template, revision=made.template_revision),
        grant=made.grant,
        account=made.account,
        warnings=made.warnings,
        server_time=server_time,
    )
