"""SessionManager: who may come in, who is in, who goes out."""

from pyVmomi import vim, vmodl

from broker.lab.soap.call import Call
from broker.lab.soap.dispatcher import Overloaded
from broker.lab.soap.gate import VIEW, Permissions, denial
from broker.lab.vcenter.references import reference
from broker.lab.vcenter.sessions import LiveSession, SessionTable, user_session
from broker.lab.world.events import EventLog
from broker.lab.world.inventory import ROOT
from broker.lab.world.lockout import Lockout
from broker.lab.world.users import Users
from broker.lab.world.values import VimValue

LOCALES = ("en", "en_US", "de", "fr", "ja", "ko", "zh_CN", "zh_TW", "es")


class SessionManager:
    """The managed object. A wrong password, a locked and an unknown user look alike to the caller."""

    vim_type = vim.SessionManager
    moid = "SessionManager"

    def __init__(
        self,
        sessions: SessionTable,
        users: Users,
        lockout: Lockout,
        permissions: Permissions,
        events: EventLog,
    ) -> None:
        self._sessions = sessions
        self._users = users
        self._lockout = lockout
        self._permissions = permissions
        self._events = events

    def Login(self, call: Call, *, userName: str, password: str, locale: str | None) -> vim.UserSession:
        """Raises InvalidLogin, InvalidLocale, NoPermission for a user without any permission."""
        if call.session is not None:
            self._post(vim.event.AlreadyAuthenticatedSessionEvent(), call, call.user, "is already logged in")
            raise vim.fault.InvalidLogin
        if locale is not None and locale not in LOCALES:
            raise vim.fault.InvalidLocale
        user = self._authenticated(call, userName, password)
        if not self._permissions.holds(user, ROOT, VIEW):
            self._post(
                vim.event.NoAccessUserEvent(ipAddress=call.remote), call, user, "cannot log in: no permission"
            )
            raise denial(vim.fault.NoPermission, reference("Folder", ROOT), VIEW)
        return self._opened(call, user, locale or "en")

    def Logout(self, call: Call) -> None:
        """End the caller's session."""
        if call.session is not None:
            self._sessions.end(call.session.key)

    def TerminateSession(self, call: Call, *, sessionId: list[str]) -> None:
        """End others' sessions in order, up to the first that is not there (NotFound) or is the caller's."""
        for key in sessionId:
            if call.session is not None and key == call.session.key:
                raise vmodl.fault.InvalidArgument(invalidProperty="sessionId")
            found = self._sessions.find(key)
            if found is None:
                raise vim.fault.NotFound
            self._sessions.end(key)
            self._post(
                vim.event.SessionTerminatedEvent(sessionId=key, terminatedUsername=found.user),
                call,
                call.user,
                f"terminated a session of {found.user}",
            )

    def SessionIsActive(self, call: Call, *, sessionID: str, userName: str) -> bool:
        """Whether this session of this user is live."""
        found = self._sessions.find(sessionID)
        return found is not None and found.user == self._users.canonical(userName)

    def read_currentSession(self, call: Call) -> vim.UserSession | None:
        """The caller's session, unset without one."""
        live = self._sessions.live(call.session.key) if call.session else None
        return user_session(live, calls=0) if live else None

    def read_sessionList(self, call: Call) -> list[VimValue]:
        """All sessions."""
        return [user_session(each, each.calls) for each in self._sessions.all()]

    def read_message(self, call: Call) -> str:
        """The message of the day: none."""
        return ""

    def read_messageLocaleList(self, call: Call) -> list[str]:
        """Languages of messages."""
        return list(LOCALES)

    read_supportedLocaleList = read_messageLocaleList

    def read_defaultLocale(self, call: Call) -> str:
        """The server's language."""
        return "en"

    def _authenticated(self, call: Call, name: str, password: str) -> str:
        user = self._users.canonical(name)
        if user is not None and not self._lockout.is_locked(user):
            if self._users.password_fits(user, password):
                self._lockout.succeeded(user)
                return user
            self._lockout.failed(user)
        self._post(
            vim.event.BadUsernameSessionEvent(ipAddress=call.remote), call, user or name, "cannot log in"
        )
        raise vim.fault.InvalidLogin

    def _opened(self, call: Call, user: str, locale: str) -> vim.UserSession:
        live: LiveSession | None = self._sessions.open(call, user, self._users.groups_of(user), locale)
        if live is None:
            raise Overloaded
        event = vim.event.UserLoginSessionEvent(
            ipAddress=call.remote, userAgent=call.user_agent, locale=locale, sessionId=live.session.key
        )
        self._post(event, call, user, f"logged in as {call.user_agent}")
        return user_session(live, calls=0)

    def _post(self, event: VimValue, call: Call, user: str, what: str) -> None:
        event.userName = user
        event.fullFormattedMessage = f"User {user}@{call.remote} {what}"
        self._events.post(event)
