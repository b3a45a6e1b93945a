"""TLS towards vCenter: verified against the file that the vCenter's entry names, or not at all."""

import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING

from broker.errors import Reason, Refused

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


class AnswerTooLongError(OSError):
    """More came than one call may bring."""


class DeadlineSocket(ssl.SSLSocket):
    """A TLS socket whose reads and writes share one deadline, and its reads one budget.

    A socket's own timeout starts anew with every byte, so a server that drips its answer
    could hold a thread for ever; one that never ends its answer could fill the memory.
    """

    _deadline: float | None = None
    _budget = 0

    def end_within(self, seconds: float, most_bytes: int) -> None:
        """From now on every read and write together have `seconds`; then they raise TimeoutError.

        All reads together give `most_bytes`; then they raise AnswerTooLongError.
        """
        self._deadline = time.monotonic() + seconds
        self._budget = most_bytes

    @property
    def fresh(self) -> bool:
        """Whether no request was sent on it yet."""
        return self._deadline is None

    def abort(self) -> None:
        """End the connection under a thread that waits on it: it reads the end of the stream."""
        # not SSLSocket.shutdown: that takes the TLS object away from under the reading thread
        socket.socket.shutdown(self, socket.SHUT_RDWR)

    def _spend(self) -> None:
        if self._deadline is None:
            return
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline passed")
        self.settimeout(left)

    def recv_into(
        self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0
    ) -> int:  # what http.client reads through
        """Read inside the deadline and the budget."""
        self._spend()
        read = super().recv_into(buffer, nbytes, flags)
        if self._deadline is not None:
            self._budget -= read
            if self._budget < 0:
                raise AnswerTooLongError
        return read

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        """Write inside the deadline; `sendall` is made of these."""
        self._spend()
        return super().send(data, flags)


def endpoint_context(ca_file: Path) -> ssl.SSLContext:
    """A context for one endpoint, never shared with another.

    `ca_file` is the only anchor: a CA, or the pinned certificate itself (partial chains are
    accepted, the host name is checked all the same). Raises Refused(VCENTER_UNAVAILABLE).
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError):
        raise Refused(Reason.VCENTER_UNAVAILABLE, f"{ca_file} holds no certificate to trust") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.sslsocket_class = DeadlineSocket
    return context
