"""A reload: all files are read, then one snapshot is swapped, on record, and whoever asked learns of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker import __version__
from broker.audit.reading import AuditReading
from broker.audit.system import AuditSystemLog
from broker.model.policy import Policy
from broker.policy.follower import PolicyFollower
from broker.policy.holder import PolicyHolder
from broker.policy.load import load_policy
from broker.policy.presence import Presence
from broker.ports.operation import Acknowledgement
from broker.store.database import Database
from broker.store.processes import StoredProcesses
from broker.store.pruning import prune
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS
from tests.support.policy_files import PolicyFiles


class Process:
    """One process that follows the files, on a real store."""

    def __init__(self, files: PolicyFiles, database: Database) -> None:
        self.processes = StoredProcesses(database)
        self.presence = Presence("boot-1", "serve", self.processes, database.clock)
        self.holder = PolicyHolder(load_policy(files.folder))
        self.reading = AuditReading(database)
        self.swapped: list[Policy] = []
        self.follower = PolicyFollower(
            self.presence,
            self.holder,
            lambda: load_policy(files.folder),
            self.swapped.append,
            AuditSystemLog(database),
        )

    def started(self) -> "Process":
        self.follower.start()
        return self

    def records(self) -> list[tuple[str, dict[str, object]]]:
        """What is on record since the start."""
        return [(record["event"], record["fields"]) for record in self.reading.records()][2:]

    def asked(self) -> int:
        generation = self.processes.ask_reload()
        self.follower.step()
        return generation


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def database(tmp_path: Path, clock: HandClock) -> Iterator[Database]:
    database = Database.open(tmp_path / "broker.db", clock, LOG_KEYS)
    yield database
    database.close()


@pytest.fixture
def process(files: PolicyFiles, database: Database) -> Process:
    return Process(files, database).started()


def test_a_reload_puts_the_new_snapshot_in_force_and_answers_with_its_revision(
    files: PolicyFiles, process: Process
) -> None:
    before = process.holder.current()
    files.put("grants.yaml", "grants: {}\n")
    generation = process.asked()
    now = process.holder.current()
    assert now.grants == {}
    assert process.swapped == [now]
    answers, waiting = process.processes.answers(generation)
    assert [(a.revision, a.error) for a in answers] == [(now.revision, "")]
    assert waiting == 0
    assert process.records() == [("policy_reloaded", {"revision": now.revision, "before": before.revision})]


def test_a_bad_reload_keeps_the_old_snapshot_and_says_why(files: PolicyFiles, process: Process) -> None:
    before = process.holder.current()
    files.change("accounts.yaml", "{file: cim-a.password}", "hunter2-canary")
    generation = process.asked()
    assert process.holder.current() is before
    assert process.swapped == []
    (answer,), _ = process.processes.answers(generation)
    assert answer.revision == before.revision
    assert "accounts.yaml:5: accounts.cim-a.password: is a secret written inline" in answer.error
    ((event, fields),) = process.records()
    assert (event, fields["kept"]) == ("policy_refused", before.revision)
    assert "hunter2-canary" not in f"{answer.error}{fields}"


def test_a_reload_of_very_many_mistakes_is_told_in_few_words(
    files: PolicyFiles, process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    folder = files.folder.with_name("f" * 200)
    files.folder.rename(folder)
    files.folder = folder
    files.add("apps.yaml", "".join(f"x{number}: 1\n" for number in range(2_000)))
    generation = process.asked()
    (answer,), _ = process.processes.answers(generation)
    assert len(answer.error) < 17_000
    assert sum(len(line.getMessage()) for line in caplog.records) < 20_000
    assert "apps.yaml:6: x0: is not a known key" in answer.error
    assert all("\n" not in line.getMessage() for line in caplog.records)


def test_a_file_that_changes_unasked_changes_nothing(files: PolicyFiles, process: Process) -> None:
    before = process.holder.current()
    files.put("grants.yaml", "grants: {}\n")
    process.follower.step()
    assert process.holder.current() is before
    assert process.records() == []


def test_a_reload_is_answered_once(process: Process) -> None:
    process.asked()
    process.follower.step()
    assert len(process.records()) == 1


def test_nobody_waits_for_a_process_that_left(process: Process) -> None:
    process.follower.stop()
    assert process.processes.answers(process.processes.ask_reload()) == ((), 0)


def test_a_process_is_on_record_from_start_to_stop(process: Process) -> None:
    process.follower.stop()
    about = {"kind": "serve", "boot": "boot-1", "revision": process.holder.current().revision}
    told = [(record["event"], record["fields"]) for record in process.reading.records()]
    assert told == [
        ("process_started", {**about, "version": __version__}),
        ("policy_loaded", about),
        ("process_stopped", {**about, "version": __version__}),
    ]


def test_a_reload_asked_for_while_the_policy_was_first_read_is_answered_by_reading_it_anew(
    files: PolicyFiles, database: Database
) -> None:
    process = Process(files, database)
    generation = process.processes.ask_reload()
    files.put("grants.yaml", "grants: {}\n")
    process.started()
    assert process.processes.answers(generation) == ((), 1)
    process.follower.step()
    (answer,), waiting = process.processes.answers(generation)
    assert (answer.revision, waiting) == (process.holder.current().revision, 0)
    assert process.holder.current().grants == {}


def test_a_process_that_was_taken_for_dead_and_pruned_is_waited_for_again(
    process: Process, clock: HandClock, database: Database
) -> None:
    clock.advance(3600)
    prune(database)
    assert process.processes.answers(process.processes.generation()) == ((), 0)
    process.follower.step()
    (answer,), _ = process.processes.answers(process.processes.generation())
    assert (answer.boot, answer.kind) == ("boot-1", "serve")
    assert answer.revision == process.holder.current().revision


def test_a_beat_that_has_nothing_new_to_say_writes_only_now_and_then(
    process: Process, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Acknowledgement] = []
    monkeypatch.setattr(process.processes, "acknowledge", said.append)
    for _ in range(40):
        clock.advance(0.5)
        process.follower.step()
    assert len(said) == 4
