"""A controller that has said nothing for ten minutes: every process says so, and strict grants refuse."""

from dataclasses import replace
from datetime import timedelta

from broker.clock import SystemClock
from broker.demo.files import GRANT
from broker.store.applied import StoredGrants
from broker.store.database import Database
from tests.support.log_keys import LOG_KEYS
from tests.support.stack import Stack, until


def ten_minutes_later(stack: Stack) -> None:
    """What was applied was applied so long ago."""
    database = Database.open(stack.store, SystemClock(), LOG_KEYS)
    try:
        grants = StoredGrants(database)
        for applied in grants.all():
            grants.put(replace(applied, applied_at=applied.applied_at - timedelta(minutes=11)))
    finally:
        database.close()


def silent(stack: Stack) -> bool:
    answer = stack.get("/readyz")
    return answer.ok and "controller_silent" in answer.json()["degraded"]


def test_strict_grants_wait_for_a_controller_and_every_process_says_that_it_is_silent(fresh: Stack) -> None:
    fresh.edit("grants.yaml", lambda grants: grants["grants"][GRANT].update(drift="strict"))
    fresh.apply()
    ten_minutes_later(fresh)
    fresh.serve()
    fresh.ready()
    until(lambda: silent(fresh), "the code")
    refused = fresh.refusal()
    assert (refused.status, refused.code) == (503, "controller_silent")
    assert fresh.events()[-1] == "request_refused"
    fresh.start("controller", "--config", str(fresh.site.controller_file))
    until(lambda: not silent(fresh), "the controller's word")
    with fresh.client() as client:
        assert client.ticket("esx0001.lab.example").session_id
