"""One spelling per path: what stands before us, a proxy's rules say, may read another one differently."""

from urllib.parse import urlsplit


def canonical(target: str, path: str) -> bool:
    """Whether the request target names `path`, which was decoded out of it, as our routes are written."""
    sent = target.partition("?")[0] if target.startswith("/") else urlsplit(target).path
    return sent == path and "%" not in sent and not sent.startswith("//")
