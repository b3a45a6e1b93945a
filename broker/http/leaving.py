"""How a worker leaves, so that whoever talks to it notices nothing."""

import signal
from types import FrameType

from gunicorn import util
from gunicorn.workers.gthread import TConn, ThreadWorker


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """One that can be closed whatever became of it.

    gunicorn takes a connection off its count a second time where closing it fails, as it does
    after a handshake that was broken off. A worker that leaves then does not wait for as many
    requests as there were such connections, and it would hold more connections than it may.
    """

    def close(self, graceful: bool = False) -> None:  # noqa: FBT001, FBT002 - gunicorn's signature
        """Called once, when the connection is not to be used again."""
        try:
            super().close(graceful)
        except OSError:
            util.close(self.sock)


class LeavingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Ends at SIGTERM, or when its arbiter is gone, and takes no new connection from then on.

    What runs is answered, and a connection that is kept alive is told to close by the answer to
    its next request.
    """

    alive: bool

    def init_signals(self) -> None:
        """Leave the terminal's Ctrl-C, which every process gets, to the arbiter: it ends the workers."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: what runs may end, within its bounds."""
        self.app.leave()
        super().handle_exit(sig, frame)

    def is_parent_alive(self) -> bool:
        """Called at each turn of the loop."""
        if self.alive and not super().is_parent_alive():
            self.app.leave()
            self.alive = False
        return self.alive

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's signature
        """Let go of the listener when leaving: once nobody holds it, the system refuses who connects.

        gunicorn keeps it until the last request has ended, and who connects waits in vain.
        """
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                listener.close()
