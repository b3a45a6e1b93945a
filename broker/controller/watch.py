"""Looking whether what was applied still holds. Reads vCenter, writes the store, changes nothing else."""

import logging
from threading import Event as Flag

from broker.controller.comparing import standing_as_written
from broker.controller.post import Post
from broker.controller.rooms import ControllerRooms
from broker.errors import BrokerError
from broker.model.policy import Policy, Vcenter

_log = logging.getLogger(__name__)

_PATIENCE_S = 2.0
"""For the vCenters of one round: what takes longer goes on beside the next rounds."""


class Watch:
    """Keeps one privileged session per vCenter between rounds, and listens. One thread calls `round`.

    `due` is set when something was heard of that a round should look at.
    """

    def __init__(self, rooms: ControllerRooms) -> None:
        self.due = Flag()
        self._rooms = rooms
        self._posts: dict[Vcenter, Post] = {}
        self._closed = False

    def round(self, policy: Policy) -> None:
        """Look at every grant that stands as the policy has it, and mark what changed.

        A vCenter that cannot be asked proves nothing: it is logged, and asked again in the next
        round. One that takes long holds up no other. Raises LogUnavailable.
        """
        self._close_others(policy)
        looking = []
        for vcenter, grants in standing_as_written(policy, self._rooms.store.all()).items():
            if (post := self._post(policy.vcenters[vcenter])) is not None:
                post.look(policy, grants)
                looking.append(post)
        deadline = self._rooms.clock.monotonic() + _PATIENCE_S
        for post in looking:
            post.join(max(0.0, deadline - self._rooms.clock.monotonic()))

    def close(self) -> None:
        """Log out everywhere, for good, and end what runs. May be called from any thread. Never raises."""
        self._closed = True
        while self._posts:
            _, post = self._posts.popitem()
            post.leave()

    def _close_others(self, policy: Policy) -> None:
        current = set(policy.vcenters.values())
        for vcenter in [v for v in self._posts if v not in current]:
            self._posts.pop(vcenter).leave()

    def _post(self, vcenter: Vcenter) -> Post | None:
        """None where there is no log-in for it, or the watch is closed."""
        if self._closed:
            return None
        if vcenter not in self._posts:
            try:
                self._posts[vcenter] = Post(vcenter, self._rooms, self.due.set)
            except BrokerError as error:
                _log.warning("vCenter %s cannot be watched: %s", vcenter.id, error)
        return self._posts.get(vcenter)
