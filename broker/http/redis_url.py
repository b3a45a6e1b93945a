"""The address of a Redis, read against a closed grammar before any library sees it.

redis-py and limits repeat a URL that they cannot read in their errors, password and all, and take
any option of a connection from its query: `ssl_cert_reqs=none` among them.
"""

import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

from broker.errors import SecretUnavailable
from broker.model.secret import Secret

_ONE_SERVER = frozenset({"redis", "rediss"})
_SEVERAL_SERVERS = frozenset({"redis+sentinel", "redis+cluster"})
_SOCKET = "redis+unix"

_HOST = r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])"
_PORT = r"([0-9]{1,5})"
_SERVER = re.compile(rf"{_HOST}(?::{_PORT})?")
_SERVER_AND_PORT = re.compile(rf"{_HOST}:{_PORT}")
_DATABASE = re.compile(r"[0-9]{1,4}")
_NAME = re.compile(r"/[A-Za-z0-9_.-]+")
_LAST_PORT = 65535


def checked_redis_url(url: Secret) -> Secret:
    """The same URL, of a form whose every part is known; TLS, where it is spoken, stays verified.

    Forms: redis://host[:port][/db], rediss://... with `?ssl_ca_certs=FILE`, redis+unix:///path with
    `?db=N`, redis+sentinel://host:port,host:port/name, redis+cluster://host:port,host:port; each
    with user:password@ before the host. Raises SecretUnavailable, which repeats nothing of it.
    """
    if problem := _problem(url.reveal()):  # a library is handed the text next: read it here first
        raise SecretUnavailable(f"redis_url {problem}")
    return url


def _problem(text: str) -> str | None:
    parts = _split(text)
    if parts is None or not text.startswith(f"{parts.scheme}://") or parts.fragment:
        return "is not a URL in which user and password are percent-encoded"
    servers = parts.netloc.rpartition("@")[2]
    if parts.scheme in _ONE_SERVER:
        return _problem_of_one(parts, servers)
    if parts.scheme in _SEVERAL_SERVERS:
        return _problem_of_several(parts, servers)
    if parts.scheme == _SOCKET:
        fits = not servers and len(parts.path) > 1
        return _problem_of_query(parts, {"db"}) if fits else "names no socket: redis+unix:///path"
    return "has another scheme than redis, rediss, redis+unix, redis+sentinel or redis+cluster"


def _split(text: str) -> SplitResult | None:
    """None for what is no URL; urlsplit drops tabs and newlines, and its error may repeat the text."""
    if not text.isascii() or not text.isprintable() or " " in text:
        return None
    try:
        return urlsplit(text)
    except ValueError:
        return None


def _problem_of_one(parts: SplitResult, server: str) -> str | None:
    if not _is_server(_SERVER, server):
        return "names no host, or a port that is none"
    database = parts.path.removeprefix("/")
    if database and _DATABASE.fullmatch(database) is None:
        return "has a path that is no database number"
    return _problem_of_query(parts, {"db", "ssl_ca_certs"} if parts.scheme == "rediss" else {"db"})


def _problem_of_several(parts: SplitResult, servers: str) -> str | None:
    if not all(_is_server(_SERVER_AND_PORT, server) for server in servers.split(",")):
        return "does not name every server as host:port"
    if parts.scheme == "redis+sentinel" and _NAME.fullmatch(parts.path) is None:
        return "does not end with the name of the Sentinel service"
    if parts.scheme == "redis+cluster" and parts.path not in {"", "/"}:
        return "has a path, which a cluster does not have"
    return _problem_of_query(parts, frozenset())


def _problem_of_query(parts: SplitResult, allowed: set[str] | frozenset[str]) -> str | None:
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        return "has a query that cannot be read"
    names = [name for name, _ in pairs]
    if not allowed.issuperset(names) or len(set(names)) < len(names):
        return "has a query parameter that is not allowed here, or one twice"
    if any(name == "db" and _DATABASE.fullmatch(value) is None for name, value in pairs):
        return "has a `db` that is no database number"
    return None


def _is_server(grammar: re.Pattern[str], text: str) -> bool:
    match = grammar.fullmatch(text)
    return match is not None and (match[1] is None or 0 < int(match[1]) <= _LAST_PORT)
