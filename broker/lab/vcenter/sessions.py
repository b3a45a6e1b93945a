"""Who is logged in, since when, and for how long without a word."""

import secrets
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from pyVmomi import vim

from broker.lab.errors import LabError
from broker.lab.soap.call import Call, Session
from broker.lab.world.events import EventLog


class Now(Protocol):
    """The lab's clock, as far as this room needs it."""

    def now(self) -> datetime:
        """The lab's time, aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """When a silent session ends, and how many there may be."""

    idle: timedelta = timedelta(minutes=30)
    most: int = 3000


@dataclass(slots=True)
class LiveSession:
    """A session and what currentSession and sessionList say about it."""

    session: Session
    cookie: str
    remote: str
    user_agent: str
    locale: str
    login_time: datetime
    last_active: datetime
    calls: int = 0


class SessionTable:
    """Live sessions by cookie. Idle ones end as soon as anybody looks. Thread-safe."""

    def __init__(self, clock: Now, events: EventLog, limits: SessionLimits) -> None:
        self._clock = clock
        self._events = events
        self._limits = limits
        self._by_cookie: dict[str, LiveSession] = {}
        self._lock = threading.Lock()
        self._on_end: list[Callable[[str], None]] = []

    def when_ended(self, tell: Callable[[str], None]) -> None:
        """`tell` is called with the key of each session that ends."""
        self._on_end.append(tell)

    def new_cookie(self) -> str:
        """A cookie that no session has."""
        return secrets.token_hex(20)

    def of_cookie(self, cookie: str) -> Session | None:
        """The live session of this cookie; counts as activity."""
        now = self._clock.now()
        with self._lock:
            live = self._by_cookie.get(cookie)
            if live is None:
                return None
            if not self._is_idle(live, now):
                live.last_active = now
                live.calls += 1
                return live.session
        self.sweep()
        return None

    def open(self, call: Call, user: str, groups: frozenset[str], locale: str) -> LiveSession | None:
        """A new session bound to the call's cookie; None when there are as many as there may be."""
        self.sweep()
        now = self._clock.now()
        with self._lock:
            if len(self._by_cookie) >= self._limits.most:
                return None
            session = Session(str(uuid.uuid4()), user, groups)
            live = LiveSession(session, call.cookie, call.remote, call.user_agent, locale, now, now)
            self._by_cookie[call.cookie] = live
        return live

    def find(self, key: str) -> Session | None:
        """The live session with this UserSession.key."""
        live = self.live(key)
        return live.session if live else None

    def live(self, key: str) -> LiveSession | None:
        """The same with what is known about it."""
        return next((each for each in self.all() if each.session.key == key), None)

    def all(self) -> list[LiveSession]:
        """All live sessions, oldest first."""
        self.sweep()
        with self._lock:
            return list(self._by_cookie.values())

    def end(self, key: str) -> bool:
        """End one session; False when there is none."""
        return self._take(lambda live: live.session.key == key) > 0

    def kill(self, user: str) -> int:
        """End all sessions of a user, as somebody else's TerminateSession would; gives how many."""
        return self._take(lambda live: live.session.user.lower() == user.lower())

    def allow(self, most: int) -> None:
        """Let no more than `most` sessions be opened; those there are stay. Raises LabError below zero."""
        if most < 0:
            raise LabError("there are no fewer than no sessions")
        self._limits = replace(self._limits, most=most)

    def sweep(self) -> None:
        """End the idle ones."""
        now = self._clock.now()
        self._take(lambda live: self._is_idle(live, now))

    def _is_idle(self, live: LiveSession, now: datetime) -> bool:
        return now - live.last_active >= self._limits.idle

    def _take(self, ends: Callable[[LiveSession], bool]) -> int:
        """End those that `ends` picks. Who is told of it may ask this table, so nothing is locked then."""
        with self._lock:
            taken = [live for live in self._by_cookie.values() if ends(live)]
            for live in taken:
                del self._by_cookie[live.cookie]
        for live in taken:
            self._tell(live)
        return len(taken)

    def _tell(self, live: LiveSession) -> None:
        for tell in self._on_end:
            tell(live.session.key)
        self._events.post(
            vim.event.UserLogoutSessionEvent(
                userName=live.session.user,
                ipAddress=live.remote,
                userAgent=live.user_agent,
                callCount=live.calls,
                sessionId=live.session.key,
                loginTime=live.login_time,
                fullFormattedMessage=f"User {live.session.user}@{live.remote} logged out",
            )
        )


def user_session(live: LiveSession, calls: int) -> vim.UserSession:
    """What the API shows of a session. vCenter counts no calls in currentSession, only in sessionList."""
    return vim.UserSession(
        key=live.session.key,
        userName=live.session.user,
        fullName=live.session.user.rpartition("\\")[2],
        loginTime=live.login_time,
        lastActiveTime=live.last_active,
        locale=live.locale,
        messageLocale=live.locale,
        extensionSession=False,
        ipAddress=live.remote,
        userAgent=live.user_agent,
        callCount=calls,
    )
