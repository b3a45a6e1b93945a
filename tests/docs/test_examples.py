"""What the documents and example files say of each other is so."""

import re
from pathlib import Path

from broker.http.redis_url import checked_redis_url
from broker.model.secret import Secret

ROOT = Path(__file__).parents[2]


def test_every_form_of_a_redis_url_is_shown_and_taken() -> None:
    shown = re.findall(r"`(redis[a-z+]*://[^`]+)`", (ROOT / "docs/configuration.md").read_text())
    schemes = {url.partition(":")[0] for url in shown}
    assert schemes == {"redis", "rediss", "redis+unix", "redis+sentinel", "redis+cluster"}
    for url in shown:
        assert checked_redis_url(Secret(url)).reveal() == url


def test_the_socket_of_the_server_is_the_one_that_nginx_asks() -> None:
    (socket,) = re.findall(r"#\s+path: (\S+)", (ROOT / "config/server.yaml").read_text())
    assert f"server unix:{socket};" in (ROOT / "config/nginx.conf").read_text()
