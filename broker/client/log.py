"""What the broker shows of its log to every app."""

from typing import Annotated

from pydantic import Field

from broker.client.answers import AnswerModel, read_as
from broker.client.errors import BadAnswer
from broker.client.http import BrokerHttp
from broker.tlog.encoding import from_base64
from broker.tlog.note import NoteRefused, VerifierKey, verifier_key

_MAX_KEYS = 1000
_MAX_PATH = 128


class _Key(AnswerModel):
    key: str


class _Keys(AnswerModel):
    keys: Annotated[tuple[_Key, ...], Field(max_length=_MAX_KEYS)]


class _Consistency(AnswerModel):
    path: Annotated[tuple[str, ...], Field(max_length=_MAX_PATH)]


class ShownLog:
    """The log as one broker shows it. Nothing of it is verified here.

    Every call raises BrokerUnreachable, BrokerRefused or BadAnswer.
    """

    def __init__(self, http: BrokerHttp) -> None:
        self._http = http

    def public_keys(self) -> tuple[VerifierKey, ...]:
        """The public keys that sign the log, or did."""
        told = read_as(_Keys, self._http.get("/v1/audit/keys", None))
        try:
            return tuple(verifier_key(each.key) for each in told.keys)
        except NoteRefused as refused:
            raise BadAnswer(f"the broker shows a key of its log that is none: {refused}") from None

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """What should prove that the tree of `old` records is the beginning of that of `new`."""
        path = f"/v1/audit/proofs/consistency?old={old}&new={new}"
        told = read_as(_Consistency, self._http.get(path, None))
        return tuple(from_base64(step) or b"" for step in told.path)
