"""The log in custody of the whole product: a rotation of keys, a restored backup, a mark that is away."""

import json
import shutil
from pathlib import Path
from typing import Any

from broker.clock import SystemClock
from broker.demo.files import APP
from broker.store.database import Database
from broker.store.published import PublishedTree
from broker.tlog.checkpoint import Checkpoint, parsed_checkpoint
from broker.tlog.note import verifier_key
from tests.support.catalogue import misfits
from tests.support.log_keys import LOG_KEYS
from tests.support.stack import HOST, Stack, end, until


def checkpoint(stack: Stack) -> Checkpoint:
    database = Database.open(stack.store, SystemClock(), LOG_KEYS)
    try:
        return parsed_checkpoint(PublishedTree(database).checkpoint())
    finally:
        database.close()


def issue(stack: Stack) -> Checkpoint:
    """The head after a ticket."""
    with stack.client() as client:
        client.ticket(HOST)
    return checkpoint(stack)


def signers(found: Checkpoint) -> list[str]:
    return [each.key_id for each in found.note.signatures]


def keys(stack: Stack) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(
        stack.config("audit", "keys", "list", "--format", "json").stdout
    )
    return listed


def degraded(stack: Stack) -> list[str]:
    answer = stack.get("/readyz")
    assert answer.ok
    return list(answer.json()["degraded"])


def test_a_rotation_needs_no_restart_and_checkpoints_leave_while_the_mark_shows_in_readiness(
    fresh: Stack,
) -> None:
    marks, lines = fresh.site.root / "marks", fresh.site.root / "checkpoints.log"
    marks.mkdir()
    audit = {
        "keys": str(fresh.site.log_keys),
        "high_water": str(marks / "mark"),
        "checkpoints": {"every_s": 1, "file": str(lines)},
    }
    fresh.edit("server.yaml", lambda server: server.update(audit=audit))
    serving = fresh.serve()
    fresh.ready()
    before = issue(fresh)
    (old,) = signers(before)
    rotated = json.loads(fresh.config("audit", "keys", "rotate", "--format", "json").stdout)
    new = rotated["key_id"]
    fresh.trust(rotated["key"])
    until(lambda: signers(issue(fresh)) == [old, new], "both signatures")
    assert fresh.config("audit", "keys", "rotate", check=False).returncode == 6
    fresh.config("audit", "keys", "rotate", "--finish")
    after = issue(fresh)
    assert signers(after) == [new]
    first, second = keys(fresh)
    assert (second["until_size"], second["signs"], first["signs"]) == ("", True, False)
    assert before.verify([verifier_key(first["key"])])
    assert after.verify([verifier_key(second["key"])])
    until(lambda: len(lines.read_text().splitlines()) > 1, "two lines")
    assert degraded(fresh) == []
    marks.rename(fresh.site.root / "elsewhere")
    issue(fresh)
    until(lambda: degraded(fresh) == ["high_water_unusable"], "the code")
    (fresh.site.root / "elsewhere").rename(marks)
    until(lambda: degraded(fresh) == [], "its end")
    assert end(serving) == 0
    size = checkpoint(fresh).head.size
    assert parsed_checkpoint((marks / "mark").read_text()).head.size == size
    assert misfits(fresh.records()) == []


def test_a_restored_backup_issues_nothing_until_an_operator_opens_an_epoch(
    fresh: Stack, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"
    shutil.copy(fresh.store, backup)
    serving = fresh.serve()
    fresh.ready()
    issue(fresh)
    assert end(serving) == 0
    for suffix in ("-wal", "-shm"):
        fresh.store.with_name(fresh.store.name + suffix).unlink(missing_ok=True)
    shutil.copy(backup, fresh.store)
    commands = (
        ("serve", "--config", str(fresh.site.config)),
        ("controller", "--config", str(fresh.site.controller_file)),
        ("roles", "apply", "--config", str(fresh.site.controller_file)),
        ("apps", "disable", APP, "--config", str(fresh.site.config)),
    )
    for command in commands:
        refused = fresh.process(*command, check=False)
        assert refused.returncode == 1
        assert "broker audit epoch open" in refused.stderr
    reason = "the disk broke, and the backup is of an hour before"
    opened = json.loads(fresh.config("audit", "epoch", "open", "--reason", reason, "--format", "json").stdout)
    fresh.trust(opened["key"])
    fresh.serve()
    fresh.ready()
    assert issue(fresh).head.origin.endswith("/e2")
    records = fresh.records()
    assert misfits(records) == []
    (why,) = (record["fields"]["why"] for record in records if record["event"] == "epoch_opened")
    assert why == reason
    assert "app_disabled" not in [record["event"] for record in records]
