"""The one call that mints something."""

import re
from collections.abc import Callable

from broker.errors import MintUnknown, Reason
from broker.model.inventory import Host, HostRef
from broker.model.issuance import VcenterTicket
from broker.model.secret import Secret
from broker.vsphere.connection import Link, operation
from broker.vsphere.faults import AnswerLost
from broker.vsphere.remote import Remote
from broker.vsphere.sessions import Session

_SESSION_ID = re.compile(r"[!-~]{1,1024}")
"""Printable ASCII: it becomes user name and password of HTTP Basic. Real ones have some 50 characters."""


def acquire(session: Session, host: Host, operation_id: str, check: Callable[[], None]) -> VcenterTicket:
    """One ticket for the host, the call carrying `operation_id`; `check` has the last word before it.

    A fault is vCenter's word that there is no ticket, and so is NotAuthenticated: only then is
    the call made once more, on a new session. Where the call left and no answer came that can
    be read, a ticket may exist: MintUnknown. Raises Refused(NOT_APPLIED) for NoPermission,
    Refused(INVENTORY_STALE) for a host of another vCenter, and whatever `Session.run` raises.
    """

    def mint(link: Link) -> VcenterTicket:
        check()
        return _acquired(link, host.ref, operation_id)

    try:
        return session.run(mint)
    except AnswerLost as lost:
        unknown = MintUnknown(lost.reason, lost.detail)
    raise unknown


def _acquired(link: Link, ref: HostRef, operation_id: str) -> VcenterTicket:
    with operation(operation_id):
        answer = link.host(ref).AcquireCimServicesTicket()
    return _ticket(answer)


def _ticket(answer: Remote) -> VcenterTicket:
    """The answer's fields, its secret straight into a Secret; pyVmomi would print it."""
    session_id = getattr(answer, "sessionId", None)
    if not isinstance(session_id, str) or _SESSION_ID.fullmatch(session_id) is None:
        raise AnswerLost(Reason.VCENTER_FAULT, "an answer without a ticket that can be used")
    return VcenterTicket(
        session_id=Secret(session_id),
        host=answer.host or None,
        port=answer.port or None,
        thumbprint=answer.sslThumbprint or None,
        certificate_pem=getattr(answer, "sslCertificate", None) or None,
    )
