"""Logging an account in, at most once per secret that vCenter refuses."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from pyVmomi import vim, vmodl

from broker.errors import LogUnavailable, Reason, Refused, SecretUnavailable
from broker.model.policy import Vcenter
from broker.model.principals import canonical_user
from broker.model.secret import Secret
from broker.ports.clock import Clock
from broker.ports.metering import CallMeter
from broker.ports.operation import LoginLatch
from broker.vsphere.connection import Link, Stub
from broker.vsphere.faults import answered, refusal_of
from broker.vsphere.gate import PATIENCE_S
from broker.vsphere.properties import property_of
from broker.vsphere.remote import Remote
from broker.vsphere.unanswered import UnansweredLogins

SecretSource = Callable[[], Secret]
"""Reads the account's secret now, so that a changed one is found. Raises SecretUnavailable."""


class Login:
    """Logs one account in to one vCenter.

    Five failures lock an account, so the first InvalidLogin closes the latch for this very
    secret, in the store, for every process. What the store does not take is remembered here
    until it does. One log-in of an account is under way at a time, over all processes, so that
    the next one knows how the last has ended. One whose answer was lost may have been such a
    failure, so the next with the same secret waits.
    """

    def __init__(
        self,
        vcenter: Vcenter,
        user: str,
        secret: SecretSource,
        latch: LoginLatch,
        clock: Clock,
        meter: CallMeter,
    ) -> None:
        self._vcenter = vcenter
        self._connect = partial(Stub, vcenter, clock, meter)
        self._user = user
        self._latched_as = canonical_user(user)
        self._secret = secret
        self._latch = latch
        self._unanswered = UnansweredLogins(vcenter, self._latched_as, latch, clock)
        self._digested: tuple[Secret, str] | None = None
        self._refused: str | None = None

    def __call__(self) -> Link:
        """A logged-in link, on a stub and a TLS context of its own.

        Raises Refused(LOGIN_LATCHED) without asking vCenter where this secret was refused
        before, Refused(NOT_APPLIED) where the account holds no permission at all,
        Refused(VCENTER_BUSY) where another log-in of the account does not end in time,
        Refused(VCENTER_*), LogUnavailable.
        """
        secret = self._read()
        digest = self._digest(secret)
        self._check(digest)
        stub = self._connect()
        try:
            content = answered(vim.ServiceInstance("ServiceInstance", stub).RetrieveContent)
            with self._latch.turn(self._vcenter.id, self._latched_as, PATIENCE_S):
                self._check(digest)  # anew: another process may have been refused meanwhile
                self._authenticate(content, secret, digest)
            return _link(stub, content)
        except BaseException:
            stub.retire()
            raise

    def _read(self) -> Secret:
        try:
            return self._secret()
        except SecretUnavailable as error:
            refusal = Refused(Reason.VCENTER_UNAVAILABLE, str(error))
        raise refusal

    def _digest(self, secret: Secret) -> str:
        """Slow on purpose, salted with whose secret it is; computed once per secret."""
        if self._digested is None or self._digested[0] != secret:
            salt = f"{self._vcenter.id}\0{self._latched_as}".encode()
            key = hashlib.scrypt(secret.reveal().encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
            self._digested = (secret, key.hex())
        return self._digested[1]

    def _check(self, digest: str) -> None:
        if self._was_refused(digest):
            raise Refused(Reason.LOGIN_LATCHED, f"{self._vcenter.id}: {self._user}: secret refused before")
        self._unanswered.check(digest)

    def _authenticate(self, content: Remote, secret: Secret, digest: str) -> None:
        try:
            with self._unanswered.one_more(digest):
                content.sessionManager.Login(self._user, secret.reveal(), None)
        except vim.fault.InvalidLogin as fault:
            kind = type(fault).__name__
        except vmodl.MethodFault as fault:
            kind, refusal = "", refusal_of(fault)
        else:
            with suppress(LogUnavailable):  # what stays is of secrets no longer used, and one try too many
                self._latch.clear(self._vcenter.id, self._latched_as)
            return
        if not kind:
            raise refusal
        self._close_latch(digest)
        raise Refused(Reason.LOGIN_LATCHED, f"{self._vcenter.id}: {self._user}: {kind}")

    def _was_refused(self, digest: str) -> bool:
        if digest != self._refused:
            return self._latch.closed(self._vcenter.id, self._latched_as, digest)
        with suppress(LogUnavailable):
            self._close_latch(digest)
        return True

    def _close_latch(self, digest: str) -> None:
        """Raises LogUnavailable, and then remembers the refusal itself."""
        self._refused = digest
        self._latch.close(self._vcenter.id, self._latched_as, digest)
        self._refused = None


def _link(stub: Stub, content: Remote) -> Link:
    """The session that was just made; one of no use is ended, or every retry would leave one behind."""
    try:
        return Link(stub, content, _current_user(content))
    except BaseException:
        log_out(content)
        raise


def log_out(content: Remote) -> None:
    """End the session, if vCenter can be told so. Never raises."""
    with suppress(Refused):
        answered(content.sessionManager.Logout)


def _current_user(content: Remote) -> str:
    session = property_of(content, content.sessionManager, "currentSession")
    if session is None or not session.userName:
        raise Refused(Reason.VCENTER_FAULT, "logged in, and no current session")
    return str(session.userName)
