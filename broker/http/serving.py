"""Requests are served in fair turns, by threads that take them from lanes."""

from concurrent.futures import Future
from functools import partial

from broker.http.arriving import ArrivingConnection, ArrivingWorker
from broker.http.lanes import ARRIVALS, BUSY, LAPSE_S, UNKNOWN, LaneFull
from broker.http.threads import FairThreads


class FairWorker(ArrivingWorker):
    """Queues each request in the lane of the app whose token it shows.

    gunicorn serves first come first served: an app that asks for much keeps all others waiting.
    """

    tpool: FairThreads

    def get_thread_pool(self) -> FairThreads:
        """Called by gunicorn in the worker process, before the rooms are built."""
        threads: FairThreads = self.app.threads
        threads.start()
        return threads

    def enqueue_req(self, conn: ArrivingConnection) -> None:
        """Called in the poller's thread when something came.

        What is read costs little. A handshake costs a signature, so another thread goes on with it.
        """
        if conn.secure:
            self.go_on(conn, self.look(conn))
        else:
            self.tpool.put(ARRIVALS, partial(self._shake_hands, conn))

    def serve(self, conn: ArrivingConnection) -> None:
        """Queue a request, or turn it away where there is no room for it."""
        served = partial(self._served, conn)
        for lane in (self._lane_of(conn), BUSY):
            try:
                self.tpool.put(lane, served)
            except LaneFull:
                continue
            return
        self.say_busy(conn)
        self.drop(conn)

    def say_busy(self, conn: ArrivingConnection) -> None:
        """Answer a request for which there is no room at all."""
        raise NotImplementedError

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Called in a loop; while requests wait, often enough to see whose turn it is by now."""
        super().wait_for_and_dispatch_events(min(timeout, LAPSE_S) if self.tpool.queued() else timeout)
        self.tpool.look()

    def _lane_of(self, conn: ArrivingConnection) -> str:
        token = conn.token()
        return (self.app.holder(token) if token else None) or UNKNOWN

    def _shake_hands(self, conn: ArrivingConnection) -> None:
        self.method_queue.defer(self.go_on, conn, self.look(conn))

    def _served(self, conn: ArrivingConnection) -> None:
        """Serve one request. Runs in a thread of the pool."""
        ended: Future[object] = Future()
        ended.set_result(self.handle(conn))
        self.method_queue.defer(self.finish_request, conn, ended)
