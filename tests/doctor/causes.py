"""What brings each finding about, on a lab that was well."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from broker.doctor.catalogue import Check
from broker.doctor.visit import Wanted
from broker.lab.authorization.permissions import Permission
from broker.lab.options import VCENTER_NAME
from broker.model.names import HostName
from broker.model.policy import ReadinessMode
from broker.model.secret import SecretVariable
from tests.support.administration import CIM, CONFIG, grant
from tests.support.clinic import CLUSTER, CONTROLLER, EMPOWERED, HOST, READER, Clinic

DAY = timedelta(days=1)

Cause = Callable[[Clinic], None]
CAUSES: dict[Check, Cause] = {}


def causes(check: Check) -> Callable[[Cause], Cause]:
    """What follows brings about that finding on a lab that was well."""

    def keep(cause: Cause) -> Cause:
        CAUSES[check] = cause
        return cause

    return keep


@causes(Check.UNREACHABLE)
def stop(clinic: Clinic) -> None:
    clinic.lab.listener.stop()


@causes(Check.UNTRUSTED)
def exchange(clinic: Clinic) -> None:
    clinic.lab.authority.exchange()
    clinic.lab.listener.show(clinic.lab.authority.issue_vcenter(VCENTER_NAME).file)


@causes(Check.OTHER_NAME)
def rename_vcenter(clinic: Clinic) -> None:
    clinic.lab.listener.show(clinic.lab.authority.issue_vcenter(VCENTER_NAME, also=()).file)


@causes(Check.OUTSIDE_VALIDITY)
def let_expire(clinic: Clinic) -> None:
    clinic.lab.listener.show(clinic.lab.authority.issue_vcenter(VCENTER_NAME, life=DAY / 2).file)


@causes(Check.ENDS_SOON)
def let_end(clinic: Clinic) -> None:
    clinic.lab.listener.show(clinic.lab.authority.issue_vcenter(VCENTER_NAME, life=20 * DAY).file)


@causes(Check.CLOCK)
def put_clock_on(clinic: Clinic) -> None:
    clinic.lab.clock.advance(60)


@causes(Check.NO_LOGIN)
def forget_login(clinic: Clinic) -> None:
    clinic.login = None


@causes(Check.LOGIN_REFUSED)
def change_controllers_password(clinic: Clinic) -> None:
    clinic.lab.users.change_password(CONTROLLER, "another")


@causes(Check.CANNOT_LOOK)
def break_survey(clinic: Clinic) -> None:
    clinic.lab.knobs.set_fault("RetrieveAllPermissions", "vmodl.fault.SystemError")


def be_permitted(clinic: Clinic, *privileges: str) -> None:
    """The controller's account gets one permission on the root folder in place of its own."""
    clinic.permit("", EMPOWERED, *privileges)


@causes(Check.SESSIONS_FULL)
def fill_sessions(clinic: Clinic) -> None:
    be_permitted(clinic, "Authorization.ModifyRoles", CIM, "Sessions.TerminateSession")
    clinic.wanted = replace(clinic.wanted, most_sessions=2)


@causes(Check.SESSIONS_UNKNOWN)
def nothing(clinic: Clinic) -> None:
    """So it is where the account holds what it needs and not more."""


@causes(Check.ADMINISTRATOR)
def crown(clinic: Clinic) -> None:
    held = Permission(clinic.lab.world.inventory.root(), EMPOWERED, False, -1, True)  # noqa: FBT003
    clinic.lab.model.seed(held)


@causes(Check.CONTROLLER_LACKS)
def take_from_controller(clinic: Clinic) -> None:
    clinic.permit(CLUSTER, EMPOWERED, CIM)


@causes(Check.CONTROLLER_EXCEEDS)
def give_to_controller(clinic: Clinic) -> None:
    be_permitted(clinic, "Authorization.ModifyRoles", CIM, "Global.Settings")


@causes(Check.CONTROLLER_ELSEWHERE)
def permit_controller_elsewhere(clinic: Clinic) -> None:
    clinic.permit("/DC2", EMPOWERED, CIM)


@causes(Check.NO_SUCH_ACCOUNT)
def misspell_account(clinic: Clinic) -> None:
    clinic.account = replace(clinic.account, user="svc-cim-x@vsphere.local")


@causes(Check.DIRECTORY_SILENT)
def name_other_domain(clinic: Clinic) -> None:
    clinic.account = replace(clinic.account, user="svc-cim-a@corp.example")


@causes(Check.CANNOT_LOG_IN)
def change_accounts_password(clinic: Clinic) -> None:
    clinic.lab.users.change_password("svc-cim-a@vsphere.local", "another")
    clinic.wanted = replace(clinic.wanted, log_in=True)


@causes(Check.LATCHED)
def latch(clinic: Clinic) -> None:
    change_accounts_password(clinic)
    clinic.examine()
    clinic.wanted = replace(clinic.wanted, log_in=False)


@causes(Check.LOGINS_REFUSED)
def guess(clinic: Clinic) -> None:
    clinic.fail_logins(2)


@causes(Check.UNTRIED)
def hide_secret(clinic: Clinic) -> None:
    clinic.account = replace(clinic.account, password=SecretVariable("HIDDEN"))
    clinic.wanted = replace(clinic.wanted, log_in=True)


@causes(Check.ACCOUNT_LACKS)
def mask(clinic: Clinic) -> None:
    held = Permission(clinic.lab.moid(f"{CLUSTER[1:]}/{HOST}"), READER, False, -2, False)  # noqa: FBT003
    clinic.lab.model.seed(held)


@causes(Check.ACCOUNT_EXCEEDS)
def widen(clinic: Clinic) -> None:
    role = next(r for r in clinic.lab.model.roles() if r.name == "cim-broker-cim-ticket")
    clinic.other.authorizationManager.UpdateRole(role.role_id, role.name, [CIM, CONFIG])


@causes(Check.ROOT_HELD)
def hold_on_root(clinic: Clinic) -> None:
    clinic.permit("", READER, "Global.Licenses")


@causes(Check.HELD_ELSEWHERE)
def hold_elsewhere(clinic: Clinic) -> None:
    clinic.permit("/DC2", READER, CONFIG)


@causes(Check.PERMITTED_ELSEWHERE)
def read_elsewhere(clinic: Clinic) -> None:
    clinic.permit("/DC2", READER)


CAUSES[Check.GLOBAL_UNVERIFIED] = nothing
CAUSES[Check.LOCK_UNKNOWN] = nothing
CAUSES[Check.LOCKDOWN_OFF] = nothing
CAUSES[Check.ADDRESSES_ALL] = nothing


@causes(Check.SCOPE_UNRESOLVED)
def misname_scope(clinic: Clinic) -> None:
    clinic.grants = (grant("g1", "/DC1/host/cluster-99"),)


@causes(Check.HOST_NOT_FOUND)
def ask_for_nobody(clinic: Clinic) -> None:
    clinic.wanted = Wanted(hosts=(HostName("nobody.lab.example"),))


@causes(Check.HOST_UNCOVERED)
def ask_for_another(clinic: Clinic) -> None:
    clinic.wanted = Wanted(hosts=(HostName("esx0010.lab.example"),))


@causes(Check.DISCONNECTED)
def disconnect(clinic: Clinic) -> None:
    clinic.lab.world.disconnect_host(HOST)


@causes(Check.UNSUPPORTED)
def upgrade(clinic: Clinic) -> None:
    clinic.lab.world.set_version(HOST, "9.0.0")


@causes(Check.CIM_STOPPED)
def stop_cim(clinic: Clinic) -> None:
    clinic.lab.world.set_wbem(HOST, False)  # noqa: FBT003


@causes(Check.CIM_STOPPED_ADVISED)
def stop_cim_advised(clinic: Clinic) -> None:
    clinic.grants = (replace(clinic.grants[0], readiness=ReadinessMode.ADVISE),)
    stop_cim(clinic)


@causes(Check.RULESET_DISABLED)
def close_firewall(clinic: Clinic) -> None:
    clinic.lab.world.set_firewall(HOST, False)  # noqa: FBT003


@causes(Check.ADDRESSES_LISTED)
def narrow_firewall(clinic: Clinic) -> None:
    clinic.lab.world.set_firewall(HOST, True, ("192.0.2.7", "198.51.100.0/24"))  # noqa: FBT003


def show(clinic: Clinic, name: str, life: timedelta) -> None:
    clinic.lab.hosts.replace(HOST, clinic.lab.authority.issue_host(name, "192.0.2.9", life))


@causes(Check.HOST_CERTIFICATE_ENDED)
def let_hosts_certificate_expire(clinic: Clinic) -> None:
    show(clinic, HOST, DAY / 2)


@causes(Check.HOST_CERTIFICATE_ENDS_SOON)
def let_hosts_certificate_end(clinic: Clinic) -> None:
    show(clinic, HOST, 20 * DAY)


@causes(Check.HOST_CERTIFICATE_NAMES)
def show_anothers_certificate(clinic: Clinic) -> None:
    show(clinic, "other.lab.example", 900 * DAY)


@causes(Check.HOST_CERTIFICATE_OTHER)
def keep_former_certificate(clinic: Clinic) -> None:
    former = clinic.lab.authority.issue_host(HOST, "192.0.2.9")
    clinic.lab.world.host(HOST).kept_thumbprint = former.sha1_thumbprint


@causes(Check.LOCKED_DOWN)
def lock_down(clinic: Clinic) -> None:
    clinic.lab.world.set_lockdown(HOST, "lockdownStrict")


@causes(Check.UNREADABLE)
def leave_out_version(clinic: Clinic) -> None:
    clinic.lab.world.set_version(HOST, "")
