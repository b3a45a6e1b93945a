"""A process that is paused in the middle of an attempt, which others close meanwhile."""

import os
import signal
import threading
from pathlib import Path

from broker.store.engines.sqlite.locks import Patience, locked
from broker.store.engines.sqlite.place import GATE, LOCK
from tests.faults.conftest import Scene
from tests.support import invariants
from tests.support.stack import until, workers_of


def pause(worker: int, store: Path) -> None:
    """Stop the process between two of its writes: amid one it would keep everybody else out."""
    patience = Patience(within_s=20, step_s=0.001)
    with locked(store, GATE, patience) as shut, locked(store, LOCK, patience) as mine:
        assert shut
        assert mine
        os.kill(worker, signal.SIGSTOP)
        until(lambda: ") T " in Path(f"/proc/{worker}/stat").read_text(), "the pause")


def test_who_wakes_after_its_attempt_was_closed_delivers_no_ticket_and_says_so(scene: Scene) -> None:
    (worker,), before = workers_of(scene.process), scene.witness.log_size()
    minted = len(scene.witness.minted)
    scene.witness.at_next_mint(lambda: pause(worker, scene.stack.store))
    asking = threading.Thread(target=scene.witness.ask)
    asking.start()
    try:
        until(lambda: len(scene.witness.minted) > minted, "the ticket")
        assert invariants.close_orphans(scene.stack.store) == 1
    finally:
        os.kill(worker, signal.SIGCONT)
    asking.join()
    heard = scene.witness.heard[-1]
    assert (heard.status, heard.code, heard.ticket) == (504, "late_result", None)
    intent, unknown, late = (r for r in scene.stack.records()[before:] if r["event"].startswith("ticket_"))
    assert (unknown["event"], unknown["fields"]["reason"]) == ("ticket_unknown", "recovered_orphan")
    assert (late["event"], late["fields"]["outcome"]) == ("ticket_late_result", "issued")
    assert late["fields"]["issuance"] == intent["fields"]["issuance"]
