"""What an app may spend at the token endpoint, and the record of what it got no token for."""

from broker.errors import Limited, Reason, Refused
from broker.http.context import asked
from broker.http.limits import RequestLimits
from broker.http.oauth.clients import Client, ClientCause, ClientDenied
from broker.ports.access import AccessLog


class TokenBudget:
    """Charges a client that has proven who it is, before anything is kept on its behalf."""

    def __init__(self, limits: RequestLimits, log: AccessLog) -> None:
        self._limits = limits
        self._log = log

    def charge(self, client: Client) -> None:
        """One token. Raises Limited, on record, or ClientDenied where the app just left the policy."""
        try:
            self._limits.charge_token(client.app.id)
        except Limited:
            self.deny(client, Reason.RATE_LIMITED)
            raise
        except Refused:
            raise ClientDenied(ClientCause.APP_UNKNOWN) from None

    def deny(self, client: Client, reason: Reason) -> None:
        """Put on record that this client gets no token; the answer carries the record's id."""
        about = asked()
        about.answer_as(self._log.token_denied(client.app.id, reason, about.origin))
