"""Every finding of `broker doctor`: rendered to docs/doctor.md. An id is never used for something else."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a finding means to tickets."""

    ERROR = "error"
    """Tickets are refused, or would be taken as an account that may too much."""
    WARNING = "warning"
    """Works, and should not stay so."""
    INFO = "info"
    """Worth knowing, or not to be known from here."""


class Check(StrEnum):
    """The stable ids. D0: the connection; D1: the controller's account; D2: accounts; D3: hosts."""

    UNREACHABLE = "D001"
    UNTRUSTED = "D002"
    OTHER_NAME = "D003"
    OUTSIDE_VALIDITY = "D004"
    ENDS_SOON = "D005"
    CLOCK = "D006"
    NO_LOGIN = "D007"
    LOGIN_REFUSED = "D008"
    CANNOT_LOOK = "D009"
    SESSIONS_FULL = "D010"
    SESSIONS_UNKNOWN = "D011"

    ADMINISTRATOR = "D101"
    CONTROLLER_LACKS = "D102"
    CONTROLLER_EXCEEDS = "D103"
    CONTROLLER_ELSEWHERE = "D104"

    NO_SUCH_ACCOUNT = "D201"
    DIRECTORY_SILENT = "D202"
    LATCHED = "D203"
    LOGINS_REFUSED = "D204"
    CANNOT_LOG_IN = "D205"
    UNTRIED = "D206"
    ACCOUNT_LACKS = "D207"
    ACCOUNT_EXCEEDS = "D208"
    ROOT_HELD = "D209"
    HELD_ELSEWHERE = "D210"
    PERMITTED_ELSEWHERE = "D211"
    GLOBAL_UNVERIFIED = "D212"
    LOCK_UNKNOWN = "D213"

    SCOPE_UNRESOLVED = "D301"
    HOST_NOT_FOUND = "D302"
    HOST_UNCOVERED = "D303"
    DISCONNECTED = "D304"
    UNSUPPORTED = "D305"
    CIM_STOPPED = "D306"
    CIM_STOPPED_ADVISED = "D307"
    RULESET_DISABLED = "D308"
    ADDRESSES_LISTED = "D309"
    ADDRESSES_ALL = "D310"
    HOST_CERTIFICATE_ENDED = "D311"
    HOST_CERTIFICATE_ENDS_SOON = "D312"
    HOST_CERTIFICATE_NAMES = "D313"
    LOCKDOWN_OFF = "D314"
    LOCKED_DOWN = "D315"
    UNREADABLE = "D316"
    HOST_CERTIFICATE_OTHER = "D317"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a finding says of itself, whatever it was found on."""

    severity: Severity
    title: str
    advice: str


CATALOGUE: Mapping[Check, Entry] = {
    Check.UNREACHABLE: Entry(
        Severity.ERROR,
        "vCenter cannot be reached",
        "Check host, port and firewalls from this machine: `vcenters.yaml` names both.",
    ),
    Check.UNTRUSTED: Entry(
        Severity.ERROR,
        "vCenter's certificate leads to no anchor of ours",
        "Put the CA of vCenter's certificate, from https://VCENTER/certs/download.zip, into `ca_file`.",
    ),
    Check.OTHER_NAME: Entry(
        Severity.ERROR,
        "vCenter's certificate is for another name",
        "Name vCenter in `vcenters.yaml` as its certificate does, by name rather than by address.",
    ),
    Check.OUTSIDE_VALIDITY: Entry(
        Severity.ERROR,
        "A certificate of vCenter's chain is outside its validity",
        "Renew vCenter's machine certificate, or its CA, and check this machine's clock.",
    ),
    Check.ENDS_SOON: Entry(
        Severity.WARNING,
        "vCenter's certificate ends within 30 days",
        "Renew vCenter's machine certificate; where `ca_file` pins it, put the new one beside the old first.",
    ),
    Check.CLOCK: Entry(
        Severity.WARNING,
        "vCenter's clock and ours differ",
        "Synchronise both by NTP: times of the log and of vCenter's events cannot be held together else.",
    ),
    Check.NO_LOGIN: Entry(
        Severity.ERROR,
        "The controller has no log-in for this vCenter",
        "Add it under `logins` in the controller's file.",
    ),
    Check.LOGIN_REFUSED: Entry(
        Severity.ERROR,
        "The controller cannot log in",
        "Change the password in its file, or run `broker accounts retry VCENTER USER` once it is right. An "
        "account without any permission is refused too.",
    ),
    Check.CANNOT_LOOK: Entry(
        Severity.ERROR,
        "vCenter did not answer a question",
        "What could not be asked is not known to be good. Run it again, and look into vCenter's own log.",
    ),
    Check.SESSIONS_FULL: Entry(
        Severity.WARNING,
        "vCenter's sessions are running out",
        "Find whose they are in the message, and let that client log out or reuse its sessions.",
    ),
    Check.SESSIONS_UNKNOWN: Entry(
        Severity.INFO,
        "The head room for sessions is unknown",
        "Reading the sessions takes Sessions.TerminateSession on the root folder, which ends others' "
        "sessions too: better left alone. vCenter's administrators see them under Administration.",
    ),
    Check.ADMINISTRATOR: Entry(
        Severity.ERROR,
        "The controller's account is an administrator",
        "Give it a role of its own with what the templates need, and take it out of the administrators: "
        "whoever steals it has the whole vCenter.",
    ),
    Check.CONTROLLER_LACKS: Entry(
        Severity.ERROR,
        "The controller's account lacks a privilege",
        "Add it to the account's role there: vCenter lets nobody grant what they do not hold.",
    ),
    Check.CONTROLLER_EXCEEDS: Entry(
        Severity.WARNING,
        "The controller's account holds more than the templates need",
        "Take the privileges out of its role there.",
    ),
    Check.CONTROLLER_ELSEWHERE: Entry(
        Severity.WARNING,
        "The controller's account has a permission where no grant leads",
        "Remove the permission, or name the place in a grant.",
    ),
    Check.NO_SUCH_ACCOUNT: Entry(
        Severity.ERROR,
        "vCenter does not know the account",
        "Create it in vCenter's SSO, without any permission, or correct `user` in `accounts.yaml`.",
    ),
    Check.DIRECTORY_SILENT: Entry(
        Severity.INFO,
        "Whether the account exists cannot be asked",
        "vCenter's directory does not know its domain under that name. `--log-in` tries the password.",
    ),
    Check.LATCHED: Entry(
        Severity.ERROR,
        "vCenter refused the account's password",
        "Change the password in its file, or run `broker accounts retry VCENTER USER` once it is right.",
    ),
    Check.LOGINS_REFUSED: Entry(
        Severity.WARNING,
        "Log-ins of the account were refused lately",
        "Find out who tries, from vCenter's events: by default five within three minutes lock an account "
        "for five minutes, the broker's log-ins included.",
    ),
    Check.CANNOT_LOG_IN: Entry(
        Severity.ERROR,
        "The account cannot log in",
        "Wrong, expired and locked look alike: see the account in vCenter's SSO.",
    ),
    Check.UNTRIED: Entry(
        Severity.WARNING,
        "The account's password could not be tried",
        "Run it as a user who may read the secret, or leave `--log-in` out.",
    ),
    Check.ACCOUNT_LACKS: Entry(
        Severity.ERROR,
        "The account lacks what its template gives",
        "Run `broker roles apply`; look for a permission below the scope that takes it away, like NoAccess.",
    ),
    Check.ACCOUNT_EXCEEDS: Entry(
        Severity.ERROR,
        "The account holds more on a host than its template gives",
        "Remove the permission that gives it, the account's own or a group's: every ticket there is refused.",
    ),
    Check.ROOT_HELD: Entry(
        Severity.ERROR,
        "The account holds a privilege on the root folder",
        "Remove the permission, or name the privilege under `tolerated` in `accounts.yaml`.",
    ),
    Check.HELD_ELSEWHERE: Entry(
        Severity.WARNING,
        "The account holds privileges where no grant of its leads",
        "Remove the permission, the account's own or a group's: the account is for tickets only.",
    ),
    Check.PERMITTED_ELSEWHERE: Entry(
        Severity.INFO,
        "The account has a permission where no grant of its leads",
        "It gives no privilege beyond reading. Remove it unless somebody needs it.",
    ),
    Check.GLOBAL_UNVERIFIED: Entry(
        Severity.INFO,
        "Global permissions and groups cannot be listed",
        "What stands here are effective privileges as vCenter tells them, groups included. Whether global "
        "permissions count in them is not verified: look at them under Administration, Global Permissions. "
        "Nor is anything told of objects that the controller's account may not see; reading is no finding.",
    ),
    Check.LOCK_UNKNOWN: Entry(
        Severity.INFO,
        "Whether accounts are locked is not known",
        "vCenter tells it to nobody who does not log in. `--log-in` does, once for each account; a refused "
        "log-in counts toward the lock.",
    ),
    Check.SCOPE_UNRESOLVED: Entry(
        Severity.ERROR,
        "A scope names no single object",
        "Correct the path in `grants.yaml`. If it is right, the controller's account does not see the "
        "object: give it what it needs there.",
    ),
    Check.HOST_NOT_FOUND: Entry(
        Severity.ERROR,
        "There is no such host",
        "Name it as vCenter does, or by DNS name or address; a name that fits two hosts fits none. The "
        "controller's account finds what it may see.",
    ),
    Check.HOST_UNCOVERED: Entry(
        Severity.INFO,
        "No grant is for the host",
        "`broker roles explain HOST --app APP` says what would have to change.",
    ),
    Check.DISCONNECTED: Entry(
        Severity.ERROR,
        "The host is not connected",
        "Reconnect it in vCenter: no ticket can be had meanwhile.",
    ),
    Check.UNSUPPORTED: Entry(
        Severity.ERROR,
        "The host's release is taken to have no CIM",
        "Read its sensors through vCenter instead, or raise `first_unsupported_major` if CIM is there.",
    ),
    Check.CIM_STOPPED: Entry(
        Severity.ERROR,
        "The CIM service does not run",
        "Start sfcbd-watchdog (`esxcli system wbem set --enable true`), or let the grant say "
        "`readiness: advise`.",
    ),
    Check.CIM_STOPPED_ADVISED: Entry(
        Severity.WARNING,
        "The CIM service does not run, and tickets are issued all the same",
        "Start sfcbd-watchdog (`esxcli system wbem set --enable true`): the ticket opens nothing.",
    ),
    Check.RULESET_DISABLED: Entry(
        Severity.WARNING,
        "The host's firewall does not let CIM in",
        "Enable the ruleset CIMHttpsServer for the addresses of the monitoring apps.",
    ),
    Check.ADDRESSES_LISTED: Entry(
        Severity.INFO,
        "The host's firewall lets listed addresses in only",
        "Check that the monitoring apps are among them.",
    ),
    Check.ADDRESSES_ALL: Entry(
        Severity.INFO,
        "The host's firewall lets every address in",
        "List the addresses of the monitoring apps in the ruleset CIMHttpsServer.",
    ),
    Check.HOST_CERTIFICATE_ENDED: Entry(
        Severity.ERROR,
        "The host's certificate is outside its validity",
        "Renew it in vCenter: clients that check it refuse the host.",
    ),
    Check.HOST_CERTIFICATE_ENDS_SOON: Entry(
        Severity.WARNING,
        "The host's certificate ends within 30 days",
        "Renew it in vCenter; tickets carry the new one at once.",
    ),
    Check.HOST_CERTIFICATE_NAMES: Entry(
        Severity.WARNING,
        "The host's certificate is for none of its names",
        "Renew it in vCenter. Clients that pin the certificate of the ticket do not mind.",
    ),
    Check.LOCKDOWN_OFF: Entry(
        Severity.INFO,
        "Lockdown mode is off",
        "Local accounts get at CIM with a password, without the broker and its record.",
    ),
    Check.LOCKED_DOWN: Entry(
        Severity.INFO,
        "The host is in lockdown mode",
        "Tickets work: they are the documented way in.",
    ),
    Check.UNREADABLE: Entry(
        Severity.WARNING,
        "vCenter does not tell something about the host",
        "The controller's account needs System.Read there; a host that is not connected tells little.",
    ),
    Check.HOST_CERTIFICATE_OTHER: Entry(
        Severity.ERROR,
        "vCenter knows the host by another certificate than it shows of it",
        "Reconnect the host in vCenter, or renew its certificate there: tickets whose certificates do not "
        "agree are refused.",
    ),
}
