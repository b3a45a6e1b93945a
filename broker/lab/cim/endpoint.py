"""The CIM server of one host: authenticate, read, answer."""

import base64
import binascii
import hmac
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

import pywbem

from broker.lab.cim import protocol
from broker.lab.cim.hardware import Machine
from broker.lab.cim.http import HttpReply, HttpRequest
from broker.lab.cim.repository import CimRepository

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="cimom"'}
_XML = {"Content-Type": 'application/xml; charset="utf-8"', "CIMOperation": "MethodResponse"}
_FIRST_WITHOUT_CIM = 9
"""ESX 9 hosts have no CIM service (strongly indicated, not documented: Broadcom KB 95798)."""


class CimHost(Protocol):
    """What an endpoint needs to know of its host; read anew for each request."""

    @property
    def moid(self) -> str:
        """The HostSystem's id."""
        ...

    @property
    def name(self) -> str:
        """Its DNS name."""
        ...

    @property
    def address(self) -> str:
        """Its management address, on which the endpoint listens."""
        ...

    @property
    def uuid(self) -> str:
        """The hardware's UUID."""
        ...

    @property
    def version(self) -> str:
        """The ESX release."""
        ...

    @property
    def wbem_running(self) -> bool:
        """Whether sfcbd-watchdog runs."""
        ...


class CimEndpoint:
    """Answers requests for one host. Not thread-safe."""

    def __init__(self, host: CimHost, is_live: Callable[[str, str], bool]) -> None:
        self.host = host
        self._is_live = is_live
        self._repository: CimRepository | None = None

    @property
    def is_up(self) -> bool:
        """Whether anything listens on the port."""
        major = self.host.version.partition(".")[0]
        return self.host.wbem_running and int(major) < _FIRST_WITHOUT_CIM

    def reply(self, request: HttpRequest) -> HttpReply:
        """401 for anything but a live ticket of this very host as user and password."""
        if not self._may(request.headers.get("authorization", "")):
            return HttpReply(HTTPStatus.UNAUTHORIZED, headers=_CHALLENGE)
        if request.method not in ("POST", "M-POST"):
            return HttpReply(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "POST, M-POST"})
        try:
            parsed = protocol.parse(request.body)
        except protocol.UnreadableRequest as error:
            return HttpReply(HTTPStatus.BAD_REQUEST, headers={"CIMError": error.code})
        return HttpReply(HTTPStatus.OK, self._run(parsed), _XML, parsed.method)

    def _may(self, header: str) -> bool:
        scheme, _, encoded = header.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return False
        # Both are always looked at, so that the time it takes tells nothing of either.
        same = hmac.compare_digest(user, password)
        live = self._is_live(self.host.moid, user.decode("utf-8", "surrogateescape"))
        return bool(colon) and same and live

    def _run(self, request: protocol.Request) -> bytes:
        if not request.intrinsic:
            unsupported = pywbem.CIMError(pywbem.CIM_ERR_NOT_SUPPORTED, "there are no extrinsic methods")
            return protocol.error(request, unsupported)
        try:
            found = self._filled().call(request.method, request.namespace, request.parameters)
            return protocol.answer(request, found)
        except pywbem.CIMError as error:
            return protocol.error(request, error)

    def _filled(self) -> CimRepository:
        """Made when first needed: a lab has thousands of hosts, a client reads a few."""
        if self._repository is None:
            self._repository = CimRepository(Machine(self.host.name, self.host.uuid, self.host.version))
        return self._repository
