"""The key files of a running process: a rotation needs no restart, a bad file stops nobody with another."""

from pathlib import Path

import pytest

from broker.audit.keys import LogKeys, key_file, make_key
from broker.errors import FileRefused, LogUnavailable, SecretUnavailable, Trouble
from broker.tlog.checkpoint import TreeHead, parsed_checkpoint
from broker.tlog.merkle import EMPTY_ROOT
from tests.support.clock import HandClock
from tests.support.log_keys import ORIGIN

HEAD = TreeHead(ORIGIN, 0, EMPTY_ROOT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit-keys"


def signers(keys: LogKeys, *key_ids: str) -> list[str]:
    return [each.key_id for each in parsed_checkpoint(keys.sign(HEAD, key_ids)).note.signatures]


def test_a_key_that_comes_while_another_signs_is_taken_up_within_a_second(
    folder: Path, clock: HandClock
) -> None:
    old = make_key(folder, ORIGIN).id
    keys = LogKeys(folder, clock.monotonic)
    assert signers(keys, old, "0" * 8) == [old]
    new = make_key(folder, ORIGIN).id
    assert signers(keys, old, new) == [old]
    clock.advance(1)
    assert signers(keys, old, new) == [old, new]


def test_where_no_key_is_here_each_try_looks(folder: Path, clock: HandClock) -> None:
    keys = LogKeys(folder, clock.monotonic)
    with pytest.raises(LogUnavailable, match="none of the keys that sign") as raised:
        keys.sign(HEAD, ["0" * 8])
    assert raised.value.trouble is Trouble.LOG_KEY_MISSING
    assert "broker audit epoch open" in str(raised.value)
    key = make_key(folder, ORIGIN).id
    assert signers(keys, key) == [key]


def test_a_file_of_no_use_is_told_once_and_stops_nobody_who_has_another_key(
    folder: Path, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = make_key(folder, ORIGIN).id, make_key(folder, ORIGIN).id
    key_file(folder, new).chmod(0o640)
    keys = LogKeys(folder, clock.monotonic)
    for _ in range(3):
        assert signers(keys, old, new) == [old]
        clock.advance(2)
    assert caplog.text.count("chmod 600") == 1
    with pytest.raises(LogUnavailable, match="chmod 600"):
        keys.sign(HEAD, [new])
    key_file(folder, new).chmod(0o600)
    clock.advance(2)
    assert signers(keys, old, new) == [old, new]


def test_a_folder_that_others_may_write_brings_no_key(folder: Path, clock: HandClock) -> None:
    key = make_key(folder, ORIGIN).id
    folder.chmod(0o777)
    with pytest.raises(LogUnavailable, match="chmod go-w"):
        LogKeys(folder, clock.monotonic).sign(HEAD, [key])


def test_a_new_log_takes_keys_of_one_name_alone(folder: Path) -> None:
    with pytest.raises(SecretUnavailable, match="broker audit keys init"):
        LogKeys(folder).verifiers()
    make_key(folder, ORIGIN)
    make_key(folder, f"{ORIGIN}/e2")
    with pytest.raises(SecretUnavailable, match="keys of several logs"):
        LogKeys(folder).verifiers()


def test_a_key_file_is_for_its_owner_alone(folder: Path) -> None:
    key = make_key(folder, ORIGIN)
    assert key_file(folder, key.id).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match=r"nowhere/audit-keys: No such file"):
        make_key(tmp_path / "nowhere" / "audit-keys", ORIGIN)
