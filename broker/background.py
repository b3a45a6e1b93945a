"""Work on a beat, in a thread that ends when told."""

import logging
import threading
from collections.abc import Callable
from typing import Self

from broker.defects import told
from broker.errors import BrokerError

_log = logging.getLogger(__name__)


class Beat:
    """Calls `action` every `interval_s` seconds until closed; the next call follows a failed one."""

    def __init__(self, name: str, interval_s: float, action: Callable[[], object]) -> None:
        self._name = name
        self._interval_s = interval_s
        self._action = action
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> Self:
        """Begin; the first call comes after one interval."""
        self._thread.start()
        return self

    def close(self) -> None:
        """End after the call that runs, if any."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._interval_s):
            try:
                self._action()
            except BrokerError as error:
                _log.error("%s: %s; trying again in %s s", self._name, error, self._interval_s)
            except Exception as defect:  # noqa: BLE001 - one failed beat must not end the beat; the next may succeed
                _log.error("%s: %s; trying again in %s s", self._name, told(defect), self._interval_s)
