"""Windows in this process: as many as are open, at the price of one."""

import time
from pathlib import Path

import pytest
from limits import parse
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from broker.http.limits import WindowStore
from broker.http.windows import SCHEME, ProcessWindows
from broker.model.secret import Secret
from tests.support.clock import HandClock
from tests.support.http_limits import limited_desk

RATE = parse("3 per 60 second")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def test_a_window_moves_with_the_hits(clock: HandClock) -> None:
    limiter = MovingWindowRateLimiter(ProcessWindows(clock=clock))
    taken = []
    for _ in range(6):
        taken.append(limiter.hit(RATE, "nagios", "app"))
        clock.advance(16)

    assert taken == [True, True, True, False, True, True]


def test_a_window_says_when_it_began_and_what_is_left(clock: HandClock) -> None:
    limiter = MovingWindowRateLimiter(ProcessWindows(clock=clock))
    assert limiter.get_window_stats(RATE, "nagios", "app").remaining == 3
    began = clock.now().timestamp()
    limiter.hit(RATE, "nagios", "app")
    clock.advance(20)
    limiter.hit(RATE, "nagios", "app")

    stats = limiter.get_window_stats(RATE, "nagios", "app")
    assert stats.remaining == 1
    assert stats.reset_time == pytest.approx(began + 60)
    clock.advance(61)
    assert limiter.get_window_stats(RATE, "nagios", "app").remaining == 3


def test_a_key_whose_window_ended_is_gone(clock: HandClock) -> None:
    windows = ProcessWindows(clock=clock)
    limiter = MovingWindowRateLimiter(windows)
    for n in range(1000):
        limiter.hit(RATE, f"2001:db8:{n:x}::/64", "address")
    assert windows.held() == 1000
    clock.advance(61)
    limiter.hit(RATE, "192.0.2.1", "address")

    assert windows.held() == 1


def test_addresses_push_out_each_other_and_never_an_app(clock: HandClock) -> None:
    windows = ProcessWindows(clock=clock, max_keys=10)
    limiter = MovingWindowRateLimiter(windows)
    for _ in range(3):
        assert limiter.hit(RATE, "nagios", "app")
    for n in range(100):
        limiter.hit(RATE, f"2001:db8:{n:x}::/64", "address")

    assert windows.held() == 11
    assert not limiter.hit(RATE, "nagios", "app")
    assert limiter.get_window_stats(RATE, "2001:db8:63::/64", "address").remaining == 2
    assert limiter.get_window_stats(RATE, "2001:db8::/64", "address").remaining == 3


def test_a_refused_hit_opens_no_window(clock: HandClock) -> None:
    windows = ProcessWindows(clock=clock)

    assert not MovingWindowRateLimiter(windows).hit(RATE, "nagios", "app", cost=4)
    assert windows.held() == 0


def test_a_hit_costs_the_same_however_many_keys_there_are() -> None:
    windows = ProcessWindows()
    limiter = MovingWindowRateLimiter(windows)
    few = _hits_take_s(limiter)
    for n in range(50_000):
        limiter.hit(RATE, f"2001:db8:{n:x}::/64", "address")

    assert _hits_take_s(limiter) < 10 * few


def test_windows_can_be_forgotten(clock: HandClock) -> None:
    windows = storage_from_string(f"{SCHEME}://")
    assert isinstance(windows, ProcessWindows)
    limiter = MovingWindowRateLimiter(windows)
    limiter.hit(RATE, "nagios", "app")
    limiter.hit(RATE, "other", "app")
    limiter.clear(RATE, "nagios", "app")

    assert windows.check()
    assert (windows.reset(), windows.held()) == (1, 0)
    for call in (windows.get, windows.get_expiry, lambda key: windows.incr(key, 60)):
        with pytest.raises(NotImplementedError):
            call("LIMITER/nagios/app/3/60/second")


@pytest.mark.parametrize("redis", [False, True], ids=["alone", "while Redis is away"])
def test_what_a_process_counts_by_itself_it_counts_in_these_windows(tmp_path: Path, *, redis: bool) -> None:
    store = WindowStore.redis(Secret(f"redis+unix://{tmp_path}/no.sock")) if redis else WindowStore.memory()
    desk = limited_desk(store=store)
    desk.ask_token(secret="wrong")

    windows = desk.limits._windows._own.storage if redis else desk.limits._limiter.limiter.storage
    assert isinstance(windows, ProcessWindows)
    assert windows.held() == 1


def _hits_take_s(limiter: MovingWindowRateLimiter) -> float:
    begun = time.process_time()
    for n in range(500):
        limiter.hit(RATE, f"app-{n}", "app")
    return time.process_time() - begun
