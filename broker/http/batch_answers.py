"""What a batch is asked with, and the lines that it is answered with."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model

from broker.http.answers import Answer, GrantText, HostText, Problem, TicketAnswer, VcenterText

MAX_CONCURRENCY = 32
_UNIQUE = {"uniqueItems": True}


class BatchBody(BaseModel):
    """A request for tickets of many hosts; `vcenter` and `grant` are for all of them."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    hosts: Annotated[list[HostText], Field(min_length=1)]
    vcenter: VcenterText = None
    grant: GrantText = None
    concurrency: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_CONCURRENCY,
            description="How many may be with vCenter for their ticket at a time; its own limit bounds it.",
        ),
    ] = 8


def batch_body(most: int) -> type[BatchBody]:
    """The same for `most` hosts, each once."""
    hosts = Annotated[list[HostText], Field(min_length=1, max_length=most, json_schema_extra=_UNIQUE)]
    return create_model("BatchBody", __base__=BatchBody, __doc__=BatchBody.__doc__, hosts=(hosts, ...))


class _Line(Answer):
    index: Annotated[int, Field(ge=0, description="Where the host stands in `hosts`, from 0.")]
    host: Annotated[str, Field(description="As it was asked for.")]


class TicketLine(_Line):
    """A host's ticket."""

    ticket: TicketAnswer
    replayed: Annotated[
        Literal["reissued"] | None,
        Field(description="The host was answered before under this Idempotency-Key."),
    ] = None


class LineProblem(Problem):
    """A host's refusal or failure, as a request for it alone would have been answered."""

    retry_after_s: Annotated[int, Field(ge=1)] | None = None


class ProblemLine(_Line):
    """A host that gets no ticket, and why."""

    problem: LineProblem


class Summary(Answer):
    """What became of the hosts."""

    asked: int
    issued: int
    refused: int
    not_attempted: Annotated[int, Field(description="Never begun, since the broker shut down: ask again.")]


class SummaryLine(Answer):
    """The last line. An answer without it was cut."""

    summary: Summary


class BatchLine(RootModel[TicketLine | ProblemLine | SummaryLine]):
    """One line per host, sent once its outcome is on record, in the order in which hosts end; a summary."""
