"""A redis-server for the limits of several workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.redis_server import RedisServer


@dataclass(frozen=True, slots=True)
class RunningRedis:
    """Its process, and the file that holds its URL."""

    pid: int
    url: Path


@contextmanager
def running_redis() -> Iterator[RunningRedis]:
    """It ends with the block, and keeps nothing."""
    with TemporaryDirectory(prefix="bench-redis-") as folder, RedisServer(Path(folder)) as redis:
        url = Path(folder) / "url"
        url.touch(mode=0o600)
        url.write_text(redis.url)
        yield RunningRedis(redis.pid, url)
