"""What the broker says and what it takes, as models: the source of the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, RootModel
from pydantic.config import JsonDict

from broker.errors import REASONS
from broker.model.issuance import IssuanceState

STATES = tuple(str(state) for state in IssuanceState)
CODES = tuple(dict.fromkeys(str(facts.shown_as) for facts in REASONS.values()))

Time = Annotated[
    datetime,
    PlainSerializer(lambda at: at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), return_type=str),
]
"""UTC, RFC 3339, to the millisecond."""


_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_HOST_FORMS: JsonDict = {
    "anyOf": [
        {"pattern": rf"^({_LABEL}\.)*[A-Za-z]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?$"},
        {"format": "ipv4"},
        {"format": "ipv6"},
    ]
}
"""For readers of the document; `broker.model.names` decides."""

OurId = Annotated[
    str, Field(max_length=63, json_schema_extra={"pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"})
]


HostText = Annotated[
    str,
    Field(
        max_length=253,
        description="The host's name in vCenter, its DNS name or its address.",
        json_schema_extra=_HOST_FORMS,
    ),
]
VcenterText = Annotated[OurId | None, Field(description="Which vCenter, where the name alone is ambiguous.")]
GrantText = Annotated[OurId | None, Field(description="Which grant, where several cover the host.")]


class Answer(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TicketBody(BaseModel):
    """A request for one ticket."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    host: HostText
    vcenter: VcenterText = None
    grant: GrantText = None


class HostName(Answer):
    """The host that the decision is about."""

    name: str
    vcenter: str
    moid: str


class TemplateName(Answer):
    """The template that the ticket's account is held to."""

    id: str
    revision: str


class EndpointAnswer(Answer):
    """Where CIM-XML is spoken."""

    address: str
    port: Annotated[int, Field(ge=1, le=65535)]
    url: str


class CertificateAnswer(Answer):
    """The host's leaf certificate: pin it."""

    pem: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="Of the DER form.")]


class Decision(Answer):
    """What was decided on, and for whom the ticket stands in vCenter."""

    issuance: Annotated[str, Field(description="The id under which the log holds this.")]
    host: HostName
    template: TemplateName
    grant: str
    account: str
    cim_access: Literal["decided by ESXi, assume full"] = "decided by ESXi, assume full"
    warnings: tuple[str, ...]
    server_time: Time


Hash = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$", description="32 bytes in base64.")]


class ReceiptAnswer(Answer):
    """Proof that the log holds this ticket's record: keep it, and nobody can take the record back unseen."""

    index: Annotated[int, Field(ge=0, description="Where the record stands in the log.")]
    leaf_hash: Annotated[
        str, Field(pattern=r"^[0-9a-f]{64}$", description="RFC 6962, of the record's bytes.")
    ]
    checkpoint: Annotated[str, Field(description="The signed head of the log (C2SP tlog-checkpoint).")]
    proof: Annotated[tuple[Hash, ...], Field(description="The inclusion path up to the checkpoint's root.")]


class DryRunAnswer(Decision):
    """What a request would have been answered with. No ticket was taken."""

    dry_run: Literal[True] = True


class TicketAnswer(Decision):
    """One ticket: `session_id` is both user name and password of CIM-XML on this one host."""

    attempt: Annotated[int, Field(ge=1)]
    session_id: Annotated[str, Field(repr=False)]
    endpoint: EndpointAnswer
    certificate: CertificateAnswer
    issued_at: Time
    expires_at: Time
    receipt: ReceiptAnswer
    not_renewable: Literal[True] = True


class TicketOrDecision(RootModel[TicketAnswer | DryRunAnswer]):
    """A ticket, or with `?dry_run=true` the decision alone."""


class HostAnswer(Answer):
    """One host under one grant."""

    name: str
    vcenter: str
    moid: str
    grant: str
    template: str
    ready: Annotated[
        bool | None,
        Field(
            description="Whether a request would be answered with a ticket as far as is known; null where "
            "nothing speaks against it and the host's CIM service was not asked about in the last minute."
        ),
    ]
    reason: Annotated[str | None, Field(description="Why not ready: a reason code.")]
    connection: str
    version: str | None
    inventory_age_s: Annotated[int, Field(ge=0)]


class HostsAnswer(Answer):
    """The hosts that this app may have tickets for, in the order of vCenter, name, object id and grant."""

    items: tuple[HostAnswer, ...]
    next_cursor: str | None
    incomplete: Annotated[
        tuple[str, ...], Field(description="Reason codes of inventories that could not be asked.")
    ]


class IssuanceAnswer(Answer):
    """One issuance, refused ones included; never the ticket."""

    issuance: str
    app: str
    state: Annotated[str, Field(json_schema_extra={"enum": list(STATES)})]
    reason: str | None
    host: str
    vcenter: str | None
    grant: str | None
    attempts: int
    at: Time
    exposure_until: Time | None


class IssuancesAnswer(Answer):
    """Issuances, newest first."""

    items: tuple[IssuanceAnswer, ...]
    next_cursor: str | None


class Alive(Answer):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(Answer):
    """Whether this process can issue tickets, and codes of what does not work."""

    ready: bool
    degraded: tuple[str, ...]


class Fault(Answer):
    """One place that does not fit the schema."""

    pointer: str
    problem: str


class Problem(Answer):
    """A refusal or failure (RFC 9457)."""

    type: str
    title: str
    status: int
    code: Annotated[str, Field(json_schema_extra={"enum": list(CODES)})]
    id: Annotated[str, Field(description="Give this to an admin: the log says why under it.")]
    advice: str
    errors: tuple[Fault, ...] = ()


class TokenForm(BaseModel):
    """A request for an access token (RFC 6749, 4.4)."""

    model_config = ConfigDict(extra="allow")

    grant_type: Literal["client_credentials"]
    scope: Annotated[str, Field(min_length=1)]
    client_assertion_type: Literal["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"] | None = None
    client_assertion: str | None = None
    client_id: str | None = None


class TokenAnswer(Answer):
    """An access token, good for five minutes."""

    token_type: Literal["Bearer"]
    access_token: Annotated[str, Field(repr=False)]
    expires_in: int
    scope: str


class TokenError(Answer):
    """RFC 6749, 5.2."""

    error: str
    error_description: str


class AnyDocument(BaseModel):
    """A document in a form that another standard gives."""

    model_config = ConfigDict(extra="allow")
