"""What a monitoring host remembers of a log is shared by its processes, and never goes back."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from broker.client.errors import ClientError, MemoryUnusable
from broker.client.memory import memory_of
from tests.client.monitoring import Host


def test_many_that_ask_at_once_share_one_memory(host: Host) -> None:
    with ThreadPoolExecutor(6) as asking:
        list(asking.map(lambda _: host.polls(), range(24)))
    assert host.newest() == 2 * 24
    assert len(host.kept()) == 24


@pytest.mark.parametrize("content", ["", "{}", "canary", '{"keys": ["canary"]}'])
def test_a_memory_that_is_damaged_is_not_begun_anew(host: Host, content: str) -> None:
    host.polls()
    (host.memory.folder / "log.json").write_text(content)
    with pytest.raises(MemoryUnusable, match="is damaged") as unusable:
        host.polls()
    assert "canary" not in str(unusable.value)
    assert host.asked("/v1/tickets") == 1


def test_a_process_or_machine_that_died_while_it_remembered_leaves_what_was_proved(host: Host) -> None:
    host.polls()
    (host.memory.folder / "checkpoint").unlink()
    host.polls()
    (host.memory.folder / "checkpoint").write_text("")
    host.polls()
    assert host.newest() == 6


def test_a_memory_that_others_can_change_is_not_used(host: Host) -> None:
    host.polls()
    host.memory.folder.chmod(0o770)
    with pytest.raises(MemoryUnusable, match="chmod go-w"):
        host.polls()


@pytest.mark.parametrize("url", ["https://[::1", "https://broker:port", "https://broker:99999"])
def test_what_is_no_url_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ClientError, match="URL is none"):
        memory_of(tmp_path, url)


def test_each_broker_has_a_memory_of_its_own(tmp_path: Path) -> None:
    urls = (
        "https://a.example.com",
        "https://a.example.com:8443",
        "https://a.example.com/one",
        "https://b.example.com/../..",
    )
    folders = {memory_of(tmp_path, url).folder for url in urls}
    assert len(folders) == len(urls)
    assert {folder.parent for folder in folders} == {tmp_path}
    assert memory_of(tmp_path, "https://A.example.com:443/").folder in folders
