"""What the lab's clients trust is in files that nobody but the lab's user can have put there."""

import os
import stat
from pathlib import Path

import pytest

from broker.lab.certificates import LabAuthority
from broker.lab.clock import LabClock
from broker.lab.errors import LabError
from broker.lab.files import own_directory
from tests.support.lab import small_lab


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o702])
def test_a_directory_that_others_may_write_is_refused_untouched(tmp_path: Path, mode: int) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(mode)
    with pytest.raises(LabError, match="others may write"):
        small_lab(state)
    assert list(state.iterdir()) == []


def test_a_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_directory(tmp_path / "state")
    stranger = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    with pytest.raises(LabError, match="another user"):
        own_directory(tmp_path / "state")


def test_a_link_to_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "state").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LabError, match="is a link"):
        small_lab(tmp_path / "state")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_new_directory_and_those_above_it_are_made(tmp_path: Path) -> None:
    own_directory(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


def test_a_link_in_place_of_the_ca_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    state = tmp_path / "certificates"
    state.mkdir(mode=0o700)
    (state / "ca.pem").symlink_to(target)
    authority = LabAuthority(state, "vcenter.lab.example", LabClock())
    assert target.read_text() == "precious"
    assert not authority.ca_file.is_symlink()
    assert authority.ca_file.read_text().startswith("-----BEGIN CERTIFICATE-----")
