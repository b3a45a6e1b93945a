"""One HTTP body in, one HTTP body out: parse, find, check, run, answer."""

import logging
import time
from dataclasses import dataclass, replace
from typing import Protocol

from pyVmomi import vim, vmodl

from broker.lab.soap import reply
from broker.lab.soap.call import Call, ManagedObject, Session
from broker.lab.soap.calls import CallLog
from broker.lab.soap.gate import ANONYMOUS, READ, VIEW, Gate, references_in
from broker.lab.soap.messages import message_of
from broker.lab.soap.registry import Registry
from broker.lab.soap.request import Request, UnreadableRequest, parse, version_of
from broker.lab.world.values import VimValue, moid_of

_log = logging.getLogger(__name__)


class Sessions(Protocol):
    """What the dispatcher asks the session table."""

    def of_cookie(self, cookie: str) -> Session | None:
        """The live session of this cookie; counts as activity."""
        ...

    def find(self, key: str) -> Session | None:
        """The live session with this key."""
        ...

    def new_cookie(self) -> str:
        """A cookie that no session has."""
        ...


class Knobs(Protocol):
    """What the dispatcher asks the knobs."""

    def count(self, method: str) -> None:
        """One more call of the method."""
        ...

    def latency_s(self, method: str) -> float:
        """Seconds to wait before the method runs."""
        ...

    def fault(self, method: str) -> VimValue | None:
        """The fault to answer with instead of running the method."""
        ...

    def drops_reply(self, method: str) -> bool:
        """Whether to run the method and lose the answer."""
        ...


class Properties(Protocol):
    """Reads one property of a managed object, privileges checked."""

    def fetch(self, call: Call, managed: ManagedObject, path: str) -> VimValue:
        """The value, None for an unset one; raises InvalidProperty, NoPermission, NotAuthenticated."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """A SOAP request as HTTP brought it."""

    soap_action: str
    cookie: str
    remote: str
    user_agent: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What HTTP sends back; `lost`: nothing, the connection just closes."""

    status: int
    body: bytes
    cookie: str | None = None
    lost: bool = False


class Overloaded(Exception):
    """There are as many sessions as there may be: HTTP 503, as vCenter answers."""


class Dispatcher:
    """Runs calls against the registry as vCenter would."""

    def __init__(
        self,
        registry: Registry,
        sessions: Sessions,
        gate: Gate,
        properties: Properties,
        knobs: Knobs,
        heard: CallLog,
        spoken: tuple[str, ...],
    ) -> None:
        self._registry = registry
        self._sessions = sessions
        self._gate = gate
        self._properties = properties
        self._knobs = knobs
        self._heard = heard
        self._spoken = spoken

    def answer(self, message: Message) -> Answer:
        """The reply to one SOAP message; never raises."""
        version = self._spoken[0]
        try:
            version = version_of(message.soap_action, self._spoken)
            request = parse(message.body)
        except UnreadableRequest as error:
            return _fault(vmodl.fault.InvalidRequest(msg=f"while parsing SOAP body: {error}"), version)
        except vmodl.MethodFault as error:
            return _fault(error, version)
        return self._answer(message, request, version)

    def _answer(self, message: Message, request: Request, version: str) -> Answer:
        latency_s = self._knobs.latency_s(request.name)  # first: who sees the call counted may turn the knob
        self._knobs.count(request.name)
        call, fresh_cookie = self._call(message, request, version)
        self._heard.note(call, request.name, moid_of(request.target) if request.target is not None else "")
        time.sleep(latency_s)
        answer = self._run(call, request)
        lost = self._knobs.drops_reply(request.name)
        return replace(answer, cookie=fresh_cookie, lost=lost)

    def _call(self, message: Message, request: Request, version: str) -> tuple[Call, str | None]:
        session = self._sessions.of_cookie(message.cookie)
        logs_in = session is None and request.name.startswith("Login")
        fresh = self._sessions.new_cookie() if logs_in else None
        call = Call(
            session=session,
            operation_id=request.operation_id,
            remote=message.remote,
            user_agent=message.user_agent,
            cookie=fresh or message.cookie,
            version=version,
        )
        return call, fresh

    def _run(self, call: Call, request: Request) -> Answer:
        try:
            ordered = self._knobs.fault(request.name)
            if ordered is not None:
                return _fault(ordered, call.version)
            value, declared = self._invoke(call, request)
            return Answer(200, reply.returned(request.name, value, declared, call.version))
        except vmodl.MethodFault as error:
            return _fault(error, call.version)
        except Overloaded:
            return Answer(503, b"")
        except Exception:  # noqa: BLE001 - a defect of the lab is answered as vCenter answers its own
            _log.exception("%s failed in the lab", request.name)
            return _fault(
                vmodl.fault.SystemError(reason="", msg="A general system error occurred: "), call.version
            )

    def _invoke(self, call: Call, request: Request) -> tuple[VimValue, VimValue]:
        privilege = _privilege(request)
        if call.session is None and privilege != ANONYMOUS and request.name != "Fetch":
            raise vim.fault.NotAuthenticated(object=request.target, privilegeId=privilege)
        managed = self._target(call, request)
        if request.name == "Fetch":
            return self._properties.fetch(call, managed, request.arguments["prop"]), object
        method = getattr(managed, request.name, None)
        if request.info is None or method is None:
            raise vmodl.fault.MethodNotFound(receiver=request.target, method=request.name)
        self._check(call, managed, request, privilege)
        return method(call, **_arguments(request)), request.info.result

    def _target(self, call: Call, request: Request) -> ManagedObject:
        key = call.session.key if call.session else None
        reference = request.target
        if reference is None:
            raise vmodl.fault.InvalidRequest(msg="the call names no object")
        managed = self._registry.find(moid_of(reference), key)
        if managed is None and key is not None and self._sessions.find(key) is None:
            raise vim.fault.NotAuthenticated(object=reference, privilegeId=VIEW)
        if managed is None:
            raise vmodl.fault.ManagedObjectNotFound(obj=reference)
        return managed

    def _check(self, call: Call, managed: ManagedObject, request: Request, privilege: str) -> None:
        if request.info.privId is not None:
            self._gate.require(call, managed, privilege)
        for param in request.info.params:
            if param.privId is not None:
                for reference in references_in(request.arguments.get(param.name)):
                    self._gate.require_on(call, reference, param.privId)


def _privilege(request: Request) -> str:
    """What the method asks of its object; System.Read where pyVmomi's table is silent."""
    if request.info is None or request.info.privId is None:
        return READ
    return str(request.info.privId)


def _arguments(request: Request) -> dict[str, VimValue]:
    """Every declared parameter by its WSDL name, None or an empty array where the caller left it out."""
    return {
        param.name: request.arguments.get(param.name, [] if issubclass(param.type, list) else None)
        for param in request.info.params
    }


def _fault(error: VimValue, version: str) -> Answer:
    error.msg = message_of(error)
    return Answer(500, reply.fault(error, version))
