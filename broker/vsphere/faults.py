"""What vCenter and the way to it answer, turned into our refusals.

Nothing of a fault's text is kept: it may repeat an argument, and a password is one. A detail
holds the fault's type name and privilege ids, both from closed forms.

    Refused
    |-- SessionLost    vCenter does not know the session: what was asked did not happen
    |-- NotSent        no connection: the request never left
    |   `-- Untrusted  ... since the server's certificate did not verify
    `-- AnswerLost     sent, and no answer that can be read: what was asked may have happened
"""

import re
import ssl
from collections.abc import Callable
from http.client import HTTPException
from typing import TypeVar
from xml.parsers.expat import ExpatError

from pyVmomi import vim, vmodl

from broker.errors import Reason, Refused
from broker.vsphere.tls import AnswerTooLongError

Answer = TypeVar("Answer")

_PRIVILEGE_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,119}")
_HTTP_STATUS = re.compile(r"[1-5][0-9][0-9]\b")
_MAX_PRIVILEGES = 20


class SessionLost(Refused):
    """vCenter answered NotAuthenticated, so it did nothing."""


class NotSent(Refused):
    """No connection could be made, so vCenter never saw the request."""


class Untrusted(NotSent):
    """The server's certificate does not verify against the anchor that is in memory."""


class AnswerLost(Refused):
    """The request was sent, and what came back, if anything, is no answer that can be read."""


def answered(call: Callable[[], Answer]) -> Answer:
    """Make a call of vCenter; a fault that it answers with becomes a Refused.

    The Refused is raised outside the handler, so that the fault is not even its context.
    """
    try:
        return call()
    except vmodl.MethodFault as fault:
        refusal = refusal_of(fault)
    raise refusal


def refusal_of(fault: vmodl.MethodFault) -> Refused:
    """The refusal that a fault means, the call's subject being a host or an account of ours."""
    if isinstance(fault, vim.fault.NotAuthenticated):  # a kind of NoPermission: asked first
        return SessionLost(Reason.VCENTER_UNAVAILABLE, describe(fault))
    return Refused(_reason_of(fault), describe(fault))


def _reason_of(fault: vmodl.MethodFault) -> Reason:
    if isinstance(fault, vim.fault.NoPermission):
        return Reason.NOT_APPLIED
    if isinstance(fault, vmodl.fault.HostCommunication):  # HostNotConnected, HostNotReachable
        return Reason.HOST_DISCONNECTED
    return Reason.VCENTER_FAULT


def describe(fault: vmodl.MethodFault) -> str:
    """A fault's type name, and the privileges that it says were missing."""
    name = type(fault).__name__
    missing = missing_privileges(fault)
    return f"{name}: {', '.join(missing[:_MAX_PRIVILEGES])}" if missing else name


def missing_privileges(fault: vmodl.MethodFault) -> tuple[str, ...]:
    """The privilege ids of a NoPermission; what does not look like an id is left out.

    `missingPrivileges` since 7.0.3.2; `privilegeId` is deprecated since 8.0 and still filled.
    """
    told = [getattr(fault, "privilegeId", None)]
    for entry in getattr(fault, "missingPrivileges", None) or []:
        told.extend(entry.privilegeIds or [])
    return tuple(dict.fromkeys(p for p in told if p and _PRIVILEGE_ID.fullmatch(p)))


def not_sent(error: Exception, endpoint: str) -> NotSent:
    """The connection could not be made. A certificate that does not verify says why."""
    if isinstance(error, ssl.SSLCertVerificationError):
        # the text of OpenSSL's closed list, such as "certificate has expired"
        return Untrusted(Reason.VCENTER_UNAVAILABLE, f"{endpoint}: {error.verify_message}")
    return NotSent(Reason.VCENTER_UNAVAILABLE, f"{endpoint}: no connection: {type(error).__name__}")


def answer_lost(error: Exception, endpoint: str) -> AnswerLost:
    """The request left, and its end is not known."""
    if isinstance(error, TimeoutError):
        return AnswerLost(Reason.VCENTER_TIMEOUT, f"{endpoint}: no answer in time")
    if isinstance(error, AnswerTooLongError):
        return AnswerLost(Reason.VCENTER_FAULT, f"{endpoint}: answer too long")
    if isinstance(error, OSError):
        return AnswerLost(Reason.VCENTER_UNAVAILABLE, f"{endpoint}: connection lost: {type(error).__name__}")
    if isinstance(error, HTTPException):
        status = _HTTP_STATUS.match(str(error))
        return AnswerLost(
            Reason.VCENTER_UNAVAILABLE,
            f"{endpoint}: HTTP {status.group() if status else type(error).__name__}",
        )
    kind = "XML" if isinstance(error, ExpatError) else type(error).__name__
    return AnswerLost(Reason.VCENTER_FAULT, f"{endpoint}: answer could not be read: {kind}")
