"""What the lab says no to."""

from broker.errors import BrokerError


class LabError(BrokerError):
    """A knob or an option that the lab does not have, or a name that is not in its inventory."""
