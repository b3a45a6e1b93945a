"""The listener's certificate and key: what is loaded, what is refused, and what a renewal does."""

import ssl
from pathlib import Path

import pytest

from broker.errors import SecretUnavailable
from broker.tls import ServerContext
from tests.support.authority import Authority, ServerFiles


@pytest.fixture
def files(tmp_path: Path) -> ServerFiles:
    return Authority(tmp_path).server("broker")


def context_of(files: ServerFiles) -> ServerContext:
    return ServerContext(files.certificate, files.key, ssl.SSLSocket)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o620, 0o601, 0o660, 0o644, 0o666])
def test_a_key_that_others_may_touch_is_refused_with_what_to_do(files: ServerFiles, mode: int) -> None:
    files.key.chmod(mode)

    with pytest.raises(SecretUnavailable, match=r"must have mode 0600; run: chmod 600 .*broker\.key$"):
        context_of(files)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_of_its_owner_is_loaded(files: ServerFiles, mode: int) -> None:
    files.key.chmod(mode)

    assert context_of(files).current().minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("missing", ["certificate", "key"])
def test_a_missing_file_is_named(files: ServerFiles, missing: str) -> None:
    path: Path = getattr(files, missing)
    path.unlink()

    with pytest.raises(SecretUnavailable, match=rf"^TLS file {path}: No such file"):
        context_of(files)


def test_a_key_of_another_certificate_is_refused_without_being_shown(
    files: ServerFiles, tmp_path: Path
) -> None:
    other = Authority(tmp_path).server("other")

    with pytest.raises(SecretUnavailable, match="cannot be loaded: KEY_VALUES_MISMATCH"):
        ServerContext(files.certificate, other.key, ssl.SSLSocket)


def test_a_renewed_key_that_others_may_read_leaves_the_old_one_in_place(
    files: ServerFiles, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    contexts = context_of(files)
    before = contexts.current()
    Authority(tmp_path, "Next authority").server("broker")
    files.key.chmod(0o644)

    assert contexts.current() is before
    assert "keeping the old one" in caplog.text

    files.key.chmod(0o600)
    assert contexts.current() is not before
