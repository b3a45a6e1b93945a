"""Group commit: threads that write at the same time share one transaction, in the order of their coming.

Whoever comes first leads: it does its own work and that of all who wait, and hands the lead to the
first of those who came meanwhile. So a lone writer waits for nobody, no thread of its own is
needed, and under load one flush of the disk serves many.
"""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock

from broker.errors import LogUnavailable
from broker.store.jobs import Job

TOGETHER = 64
"""Jobs of one transaction at most: so that another process gets its turn soon."""


class CommitQueue:
    """Who waits to write in this process. `lead` settles every job that it is handed and raises nothing."""

    def __init__(self, lead: Callable[[Sequence[Job]], None]) -> None:
        self._lead = lead
        self._books = Lock()
        self._waiting: deque[Job] = deque()
        self._led = False

    def run(self, job: Job, patience_s: float) -> None:
        """Return when the job is settled. Raises LogUnavailable where no turn came within `patience_s`."""
        if not self._enter(job) and not self._awaited(job, patience_s):
            raise LogUnavailable(f"no turn to write within {patience_s:.0f} s")
        if not job.settled and job.leads:
            self._serve()

    def _enter(self, job: Job) -> bool:
        """Whether the job leads at once."""
        with self._books:
            self._waiting.append(job)
            job.leads = not self._led
            self._led = True
            return job.leads

    def _awaited(self, job: Job, patience_s: float) -> bool:
        """Wait until the job is settled or leads; False where its patience ended, and it will not be done.

        Where another thread has it in hand by then, its end is waited for.
        """
        try:
            return job.wait(patience_s) or (not self._withdrawn(job) and job.wait(-1))
        except BaseException:  # an interruption: nobody is left who would lead, or wants it done
            if not self._withdrawn(job) and job.leads:
                self._abdicate(job)
            raise

    def _withdrawn(self, job: Job) -> bool:
        """Take the job back, unless it is in hand or leads."""
        with self._books:
            if job.leads or job not in self._waiting:
                return False
            self._waiting.remove(job)
            return True

    def _abdicate(self, heir: Job) -> None:
        with self._books:
            self._waiting.remove(heir)
        self._hand_on()

    def _serve(self) -> None:
        with self._books:
            jobs = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
        try:
            self._lead(jobs)
        finally:
            for job in jobs[1:]:
                job.wake()
            self._hand_on()

    def _hand_on(self) -> None:
        with self._books:
            heir = self._waiting[0] if self._waiting else None
            self._led = heir is not None
            if heir is not None:
                heir.leads = True
        if heir is not None:
            heir.wake()
