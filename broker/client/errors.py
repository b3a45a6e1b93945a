"""What can go wrong between an app, the broker and a host.

ClientError
|-- BrokerUnreachable   no answer, or not from a broker that the CA file vouches for
|-- BrokerRefused       the broker said no: reason code, id and advice
|-- BatchEnded          the broker ended a batch before all its hosts were begun
|-- BadAnswer           something answered, and not as a broker does
|-- ReceiptRefused      a ticket came with no receipt, or with one that proves nothing
|   `-- LogAlarm        ... or its log is not the one that it was: somebody has to look
|-- MemoryUnusable      what is known of a broker's log cannot be read or kept
|-- TicketUnusable      the ticket is over, or for another host
|-- HostNotTrusted      what answers is not the host that the ticket is for
`-- CimFailed           the host did not answer as CIM-XML should
"""

from broker.errors import BrokerError


class ClientError(BrokerError):
    """Base of the client's errors. Holds no ticket, token or key."""


class BrokerUnreachable(ClientError):
    """The broker could not be asked. A ticket call that ends so may still have made a ticket."""


class BrokerRefused(ClientError):
    """The broker's problem answer. `code` is stable; `id` is what its admins look for in the log."""

    def __init__(
        self, status: int, code: str, title: str, advice: str, request_id: str, retry_after_s: int | None
    ) -> None:
        wait = "" if retry_after_s is None else f" Retry-After is {retry_after_s} s."
        advised = f" {advice}" if advice else ""
        super().__init__(f"{code}: {title.rstrip('.')}.{advised}{wait} (id {request_id or 'unknown'})")
        self.status = status
        self.code = code
        self.title = title
        self.advice = advice
        self.id = request_id
        self.retry_after_s = retry_after_s


class BatchEnded(ClientError):
    """Nothing was done for `hosts`, since the broker shuts down: ask for them again."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        super().__init__(f"the broker shuts down: {len(hosts)} hosts were not attempted; ask for them again")
        self.hosts = hosts


class BadAnswer(ClientError):
    """An answer that is not the broker's; says what is missing, never what was there."""


class ReceiptRefused(ClientError):
    """Nothing shows that the log holds the ticket's record. The ticket is not handed over."""


class LogAlarm(ReceiptRefused):
    """The log shows another past than before, or is signed by a key that nobody vouches for."""


class MemoryUnusable(ClientError):
    """The folder with what is known of a broker's log cannot be used; names it, and says what to do."""


class TicketUnusable(ClientError):
    """A ticket that must not be sent: it is over, or it belongs to another host."""


class HostNotTrusted(ClientError):
    """The TLS peer does not show the certificate that came with the ticket. Nothing was sent to it."""


class CimFailed(ClientError):
    """CIM-XML did not work out: refused ticket, connection lost, or an answer that is none."""
