"""The policy in force in one process."""

from broker.model.policy import Policy


class PolicyHolder:
    """Holds one immutable snapshot; a swap replaces it whole.

    Reading and replacing are one reference each, so no reader sees half of two policies.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def current(self) -> Policy:
        """The snapshot to decide a whole request on."""
        return self._policy

    def swap(self, policy: Policy) -> None:
        """Put `policy` in force for every request that begins from now on."""
        self._policy = policy
