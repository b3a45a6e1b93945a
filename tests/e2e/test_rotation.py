"""The broker's signing key is replaced by overlap while it runs: no app notices."""

import base64
import json

from broker.demo.keys import write_private_key
from tests.support.stack import Stack


def key_id(token: str) -> str:
    head = token.partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=="))["kid"])


def status(stack: Stack, token: str) -> int:
    return stack.get("/v1/hosts", {"Authorization": f"Bearer {token}"}).status_code


def sign_with(stack: Stack, *names: str) -> None:
    keys = [{"file": str(stack.site.root / name)} for name in names]
    stack.edit("server.yaml", lambda server: server.update(signing_keys=keys))
    stack.config("reload")


def published(stack: Stack) -> list[str]:
    return [key["kid"] for key in stack.get("/.well-known/jwks.json").json()["keys"]]


def test_a_token_of_the_old_key_works_until_that_key_is_dropped(stack: Stack) -> None:
    write_private_key(stack.site.root / "next.key")
    old = stack.access_token()
    sign_with(stack, "signing.key", "next.key")
    assert key_id(stack.access_token()) == key_id(old)
    sign_with(stack, "next.key", "signing.key")
    new = stack.access_token()
    assert key_id(new) != key_id(old)
    assert published(stack) == [key_id(new), key_id(old)]
    assert (status(stack, old), status(stack, new)) == (200, 200)
    sign_with(stack, "next.key")
    assert published(stack) == [key_id(new)]
    assert (status(stack, old), status(stack, new)) == (401, 200)
    sign_with(stack, "signing.key")
    assert (status(stack, old), status(stack, new)) == (200, 401)


def test_a_key_that_cannot_be_read_keeps_the_old_ones_and_fails_the_reload(stack: Stack) -> None:
    (stack.site.root / "empty.key").write_text("")
    (stack.site.root / "empty.key").chmod(0o600)
    before = stack.access_token()
    good = (stack.site.config / "server.yaml").read_text()
    keys = [{"file": str(stack.site.root / "empty.key")}]
    stack.edit("server.yaml", lambda server: server.update(signing_keys=keys))
    assert stack.config("reload", check=False).returncode == 3
    assert status(stack, before) == 200
    assert key_id(stack.access_token()) == key_id(before)
    (stack.site.config / "server.yaml").write_text(good)
    stack.config("reload")
