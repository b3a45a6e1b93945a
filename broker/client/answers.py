"""The broker's answers as values. Fields that a newer broker adds are passed over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from broker.client.errors import BadAnswer
from broker.client.receipts import read_receipt
from broker.model.receipt import Receipt
from broker.model.secret import Secret

_Answer = TypeVar("_Answer", bound=BaseModel)
_Sha256 = Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]


@dataclass(frozen=True, slots=True)
class TicketAnswer:
    """One ticket: user name and password of CIM-XML on one host, for two minutes.

    `usable_until` is `expires_at` on this machine's clock, counted from before the request was
    sent, so that a skewed clock never makes a dead ticket look alive.
    """

    issuance: str
    session_id: Secret
    host: str
    vcenter: str
    moid: str
    address: str
    port: int
    url: str
    certificate_pem: str
    certificate_sha256: str
    """Of the host's leaf certificate in DER, lower-case hex."""
    grant: str
    template: str
    template_revision: str
    account: str
    issued_at: datetime
    expires_at: datetime
    server_time: datetime
    usable_until: datetime
    warnings: tuple[str, ...]
    receipt: Receipt
    """The proof that the log holds this issuance. Only a Witness verifies it."""


@dataclass(frozen=True, slots=True)
class DryRunAnswer:
    """What a request would have been answered with; no ticket was taken."""

    issuance: str
    host: str
    vcenter: str
    grant: str
    template: str
    template_revision: str
    account: str
    warnings: tuple[str, ...]


class AnswerModel(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Host(AnswerModel):
    name: str
    vcenter: str
    moid: str


class _Template(AnswerModel):
    id: str
    revision: str


class _Endpoint(AnswerModel):
    address: str
    port: int
    url: str


class _Certificate(AnswerModel):
    pem: str
    sha256: _Sha256


class _Decision(AnswerModel):
    issuance: str
    host: _Host
    grant: str
    template: _Template
    account: str
    warnings: tuple[str, ...] = ()


class _Ticket(_Decision):
    session_id: Annotated[str, Field(min_length=1, repr=False)]
    endpoint: _Endpoint
    certificate: _Certificate
    issued_at: AwareDatetime
    expires_at: AwareDatetime
    server_time: AwareDatetime
    receipt: Any = None


class _Token(AnswerModel):
    access_token: Annotated[str, Field(min_length=1, repr=False)]
    token_type: Annotated[str, Field(pattern=r"(?i)\Abearer\z")]
    expires_in: Annotated[int, Field(ge=0)]


class _Items(AnswerModel):
    items: tuple[Mapping[str, Any], ...]
    next_cursor: str | None = None
    incomplete: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list as the broker gives it; `next_cursor` is None on the last.

    `incomplete` holds reason codes of what could not be asked for this list.
    """

    items: tuple[Mapping[str, Any], ...]
    next_cursor: str | None
    incomplete: tuple[str, ...]


def read_ticket(document: object, asked_at: datetime) -> TicketAnswer:
    """Raises BadAnswer, and ReceiptRefused where its receipt is missing or malformed."""
    told = read_as(_Ticket, document)
    return TicketAnswer(
        issuance=told.issuance,
        session_id=Secret(told.session_id),
        host=told.host.name,
        vcenter=told.host.vcenter,
        moid=told.host.moid,
        address=told.endpoint.address,
        port=told.endpoint.port,
        url=told.endpoint.url,
        certificate_pem=told.certificate.pem,
        certificate_sha256=told.certificate.sha256,
        grant=told.grant,
        template=told.template.id,
        template_revision=told.template.revision,
        account=told.account,
        issued_at=told.issued_at,
        expires_at=told.expires_at,
        server_time=told.server_time,
        usable_until=asked_at + max(told.expires_at - told.server_time, timedelta()),
        warnings=told.warnings,
        receipt=read_receipt(told.receipt),
    )


def read_dry_run(document: object) -> DryRunAnswer:
    """Raises BadAnswer."""
    told = read_as(_Decision, document)
    return DryRunAnswer(
        issuance=told.issuance,
        host=told.host.name,
        vcenter=told.host.vcenter,
        grant=told.grant,
        template=told.template.id,
        template_revision=told.template.revision,
        account=told.account,
        warnings=told.warnings,
    )


def read_page(document: object) -> Page:
    """Raises BadAnswer."""
    told = read_as(_Items, document)
    return Page(told.items, told.next_cursor, told.incomplete)


def read_token(document: object) -> tuple[Secret, int]:
    """The access token and its life in seconds. Raises BadAnswer."""
    told = read_as(_Token, document)
    return Secret(told.access_token), told.expires_in


def read_as(model: type[_Answer], document: object) -> _Answer:
    """Raises BadAnswer, which says what is wrong and never what was there."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        places = sorted({".".join(str(part) for part in e["loc"]) or "all" for e in error.errors()})
        raise BadAnswer("the answer is not a broker's; wrong: " + ", ".join(places)) from None
