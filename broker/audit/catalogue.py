"""What each event means and which fields it may have: the reference of the log, and its test."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from broker.audit.sayings import ATTEMPT_FIELDS
from broker.model.record import Event


@dataclass(frozen=True, slots=True)
class EventFacts:
    """One event: what it says, the fields it always has, and those it has where they are known."""

    meaning: str
    fields: tuple[str, ...]
    optional: tuple[str, ...] = ()


_ORIGIN = ("address", "user_agent")
_PROOF = ("proof_digest", "proof_age_ms", "root_privileges")
_EXPOSURE = ("exposure_from", "exposure_until")
_TICKET = (*_EXPOSURE, "fingerprint", "fingerprint_key")
_WHY = ("detail", "fingerprint", "fingerprint_key", "warnings", *_PROOF)
_ENDED_BADLY = (*_EXPOSURE, *_WHY)
_SHOWN = ("query", "count", "first_index", "last_index", "tree_size")
_READER = ("by", "app", *_ORIGIN)
_PROCESS = ("kind", "boot", "revision", "version")
_DONE = ("by", "plan", "vcenter", "instance_uuid")
_OF_ROLE = ("template", "template_revision", "role", "role_id", "held", "holds")
_OF_PERMISSION = ("entity", "path", "principal", "held", "wanted_by")
_ROLE = (*_DONE, *_OF_ROLE)
_PERMISSION = (*_DONE, *_OF_PERMISSION)

CATALOGUE: Mapping[Event, EventFacts] = MappingProxyType(
    {
        Event.TICKET_INTENT: EventFacts(
            "An attempt to take a ticket begins. Durable before vCenter is asked.",
            (*ATTEMPT_FIELDS, *_ORIGIN, "instance_uuid", "moid", "deadline"),
            ("requested_as", "idempotency_key_sha256"),
        ),
        Event.TICKET_ISSUED: EventFacts(
            "vCenter gave a ticket. Durable before the app is answered; it may still not have got it.",
            (*ATTEMPT_FIELDS, *_TICKET, "cim_access", *_PROOF),
            ("warnings",),
        ),
        Event.TICKET_REFUSED: EventFacts(
            "The attempt ended by our own decision: no ticket was delivered.",
            (*ATTEMPT_FIELDS, "reason"),
            _ENDED_BADLY,
        ),
        Event.TICKET_FAILED: EventFacts(
            "The attempt ended by a fault of vCenter or of the broker. With `exposure_until`, "
            "a ticket may exist that nobody was given.",
            (*ATTEMPT_FIELDS, "reason"),
            _ENDED_BADLY,
        ),
        Event.TICKET_UNKNOWN: EventFacts(
            "Whether vCenter made a ticket is not known: the call had no end, or the attempt was "
            "left behind (`recovered_orphan`). Nobody was given it.",
            (*ATTEMPT_FIELDS, "reason", *_EXPOSURE),
            _WHY,
        ),
        Event.TICKET_LATE_RESULT: EventFacts(
            "An outcome came after the attempt had been closed. Its ticket was discarded.",
            (*ATTEMPT_FIELDS, "outcome"),
            ("reason", "cim_access", *_ENDED_BADLY),
        ),
        Event.REQUEST_REFUSED: EventFacts(
            "A ticket request was refused before any attempt. `reason` is the true one, which the "
            "app may have seen under another name.",
            ("issuance", "app", *_ORIGIN, "host", "dry_run", "reason", "policy_revision"),
            ("vcenter", "grant", "detail", "retry_after_s", *_PROOF),
        ),
        Event.DRY_RUN_ALLOWED: EventFacts(
            "A dry run would have been answered with a ticket; none was taken.",
            (
                "issuance",
                "app",
                *_ORIGIN,
                "grant",
                "template",
                "template_revision",
                "account",
                "vcenter",
                "host",
                "instance_uuid",
                "moid",
                "policy_revision",
                "cim_access",
                "warnings",
                *_PROOF,
            ),
        ),
        Event.NOT_ATTEMPTED: EventFacts(
            "A batch ended before these hosts were begun. Nothing was decided about them, and no ticket "
            "taken. `issuance` is the id of the batch's answer.",
            ("issuance", "app", *_ORIGIN, "hosts", "count", "ended_by"),
            ("vcenter", "grant"),
        ),
        Event.TOKEN_ISSUED: EventFacts(
            "An app authenticated and got an access token.", ("app", "method", "scopes", *_ORIGIN)
        ),
        Event.TOKEN_REFUSED: EventFacts(
            "The token endpoint gave no token. Where nobody was authenticated (`invalid_client`), "
            "`claimed_app` is who it said to be; `app` is one that was. `issuance` is the id in the answer.",
            ("issuance", "reason", *_ORIGIN),
            ("cause", "claimed_app", "app"),
        ),
        Event.ACCESS_REFUSED: EventFacts(
            "A request was refused before it became a ticket request. `issuance` is the id in the answer.",
            ("issuance", "reason", "path", *_ORIGIN),
            ("app", "cause"),
        ),
        Event.REFUSALS_SUPPRESSED: EventFacts(
            "An app or address spent its budget of refusals: from `first` on they are counted.",
            ("first", "recorded_singly", "window_s"),
            ("app", "address"),
        ),
        Event.REFUSALS_AGGREGATED: EventFacts(
            "The refusals that were counted instead of recorded, by reason.",
            ("reasons", "count", "first", "last"),
            ("app", "address"),
        ),
        Event.POLICY_LOADED: EventFacts("A process starts on this policy.", ("revision", "kind", "boot")),
        Event.POLICY_RELOADED: EventFacts("A process decides on a new policy.", ("revision", "before")),
        Event.POLICY_REFUSED: EventFacts(
            "The files are wrong: a process keeps the policy that it had.", ("kept", "error")
        ),
        Event.PROCESS_STARTED: EventFacts("A process runs.", _PROCESS),
        Event.PROCESS_STOPPED: EventFacts("A process ended in good order.", _PROCESS),
        Event.APP_ADDED: EventFacts("An operator let an app in.", ("app", "generation", "by")),
        Event.APP_ROTATED: EventFacts(
            "An operator revoked an app's access tokens; `new_secret` says if it got a new secret too.",
            ("app", "generation", "by", "new_secret"),
            ("old_secret_until",),
        ),
        Event.APP_DISABLED: EventFacts(
            "An operator cut an app; its access tokens are revoked.", ("app", "generation", "by")
        ),
        Event.APP_ENABLED: EventFacts("An operator let an app in again.", ("app", "generation", "by")),
        Event.GRANT_DISABLED: EventFacts("An operator cut a grant.", ("grant", "by")),
        Event.GRANT_ENABLED: EventFacts("An operator undid the cut of a grant.", ("grant", "by")),
        Event.LOGIN_LATCHED: EventFacts(
            "vCenter refused a password: no process tries it again.", ("vcenter", "user")
        ),
        Event.LOGIN_RETRY: EventFacts(
            "An operator lets a stopped account log in again.", ("vcenter", "user", "by", "opened")
        ),
        Event.ROLE_CREATED: EventFacts("The controller made a role in vCenter.", _ROLE),
        Event.ROLE_UPDATED: EventFacts("The controller set a role's privileges in vCenter.", _ROLE),
        Event.ROLE_REMOVED: EventFacts("The controller removed a role from vCenter.", _ROLE),
        Event.ROLE_RENAMED: EventFacts(
            "An operator gave a role of ours its name again.",
            ("vcenter", "instance_uuid", "role", "role_id", "was_called", "by"),
        ),
        Event.PERMISSION_SET: EventFacts(
            "The controller set a permission in vCenter.", (*_PERMISSION, "role", "role_id", "propagate")
        ),
        Event.PERMISSION_REMOVED: EventFacts("The controller took a permission away.", _PERMISSION),
        Event.GRANT_APPLIED: EventFacts(
            "A grant is in force in vCenter, on the objects that its scope resolved to.",
            (*_DONE, "grant", "digest", "replaced", "role_id", "principal", "scope"),
        ),
        Event.GRANT_DRIFTED: EventFacts(
            "vCenter no longer holds what was applied: the grant gives no tickets.",
            ("grant", "vcenter", "standing", "kinds", "finding"),
            ("changed_by",),
        ),
        Event.GRANT_HOLDS_AGAIN: EventFacts("vCenter holds again what was applied.", ("grant", "vcenter")),
        Event.GRANT_WITHDRAWN: EventFacts(
            "A grant is no longer applied: it left the policy, or something foreign stands in its way.",
            ("by", "plan", "grant", "vcenter", "why"),
        ),
        Event.GRANT_ADOPTED: EventFacts(
            "An operator took what vCenter holds as what is applied: it is what the policy wants.",
            (
                "grant",
                "vcenter",
                "instance_uuid",
                "digest",
                "replaced",
                "finding",
                "role_id",
                "principal",
                "scope",
                "by",
            ),
        ),
        Event.APPLY_FAILED: EventFacts(
            "Something of the policy was not applied.",
            ("by", "plan", "kind", "subject", "vcenter", "problem"),
        ),
        Event.CHANGE_BEGAN: EventFacts(
            "The controller is about to change vCenter; durable before it asks. Where no record of `change` "
            "follows, the process or the connection ended in between: what stands there tells.",
            ("by", "vcenter", "instance_uuid", "change"),
            ("plan", *dict.fromkeys((*_OF_ROLE, *_OF_PERMISSION)), "propagate", "was_called"),
        ),
        Event.APPLY_BEGAN: EventFacts(
            "An operator carries out a plan; durable before its first step.",
            ("by", "plan", "revision", "steps"),
        ),
        Event.APPLY_ENDED: EventFacts(
            "The plan is carried out, as far as it could be.", ("by", "plan", "changes", "problems")
        ),
        Event.LOG_BEGAN: EventFacts(
            "A new log begins with this record. `keys` are the public keys that sign it.",
            ("origin", "epoch", "keys"),
        ),
        Event.LOG_KEY_ADDED: EventFacts(
            "An operator lets a new key sign the log beside the present one, which signs this record.",
            ("key_id", "vkey", "from_size", "by"),
        ),
        Event.LOG_KEY_RETIRED: EventFacts(
            "An operator lets a key sign the log no more.", ("key_id", "until_size", "by")
        ),
        Event.EPOCH_OPENED: EventFacts(
            "An operator lets the log go on under a new name and key, as after a restored backup or a lost "
            "key. What stands in `mark` and beyond `size` is not in this log.",
            (
                "epoch",
                "origin",
                "previous_origin",
                "key_id",
                "vkey",
                "size",
                "checkpoint",
                "why",
                "by",
            ),
            ("mark",),
        ),
        Event.HIGH_WATER_STARTED: EventFacts(
            "The log had records and no high-water mark: the mark starts anew there. Nobody but who took the "
            "mark away, or named another file for it, knows if the log had been longer.",
            ("size",),
        ),
        Event.CLOCK_STEPPED: EventFacts(
            "The clock of a process was set: it went on by `step_ms` more, or with a minus back, than the "
            "time that went by.",
            ("step_ms", "clock_was"),
        ),
        Event.AUDIT_EXPORTED: EventFacts(
            "Somebody exported records of the log. Durable before the export appears under its name.",
            ("by", "query", "count", "first_index", "last_index", "tree_size", "manifest_sha256"),
        ),
        Event.AUDIT_QUERIED: EventFacts(
            "Somebody read records of the log, or a report. Durable before anything of it was shown.",
            ("what", *_SHOWN),
            _READER,
        ),
        Event.AUDIT_FOLLOWED: EventFacts(
            "Somebody who watched new records arrive, which `audit_queried` told before, has stopped.",
            _SHOWN,
            _READER,
        ),
        Event.AUDIT_VERIFIED: EventFacts(
            "Somebody checked the log, and all was well.", ("by", "tree_size", "keys_given")
        ),
        Event.AUDIT_FOUND_WRONG: EventFacts(
            "Somebody checked the log, and it is wrong, or is not what others kept of it.",
            ("by", "tree_size", "keys_given", "finding", "count"),
        ),
    }
)

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "account": "The low-privilege vCenter account, by its id.",
        "address": "The address believed; in a sum, an IPv6 network of 64 bits, `others` or `unknown`.",
        "app": "The authenticated app.",
        "attempt": "1, or more for a reissue under one Idempotency-Key.",
        "before": "The revision decided on until then.",
        "boot": "The run of the process that it is about.",
        "by": "The operator, by the name the operating system gives.",
        "cause": "Why nobody was authenticated: one of the causes in reasons.md.",
        "change": "What begins, by the event that is recorded once it is done.",
        "changes": "How many changes were made.",
        "changed_by": "Who changed it, by the user names of vCenter's events.",
        "cim_access": "What a ticket lets its holder do on the host, as far as that is known.",
        "checkpoint": "The signed head that the store ended with, line by line.",
        "claimed_app": "The app that somebody said to be, unproved.",
        "clock_was": "The time that it would have been.",
        "count": "How many.",
        "deadline": "By then the attempt must have ended.",
        "detail": "Why, for admins and auditors.",
        "digest": "The digest of the grant as it was applied.",
        "dry_run": "Whether only the decision was asked for.",
        "ended_by": "What ended the batch: disconnected (nobody read on) or shutting_down.",
        "entity": "The managed object that holds the permission.",
        "epoch": "Which epoch of the log.",
        "error": "What is wrong: file, line, key.",
        "exposure_from": "From then on a ticket may be usable: when vCenter was asked for it.",
        "exposure_until": "Until then a ticket may be usable.",
        "fingerprint": "HMAC-SHA256 of the ticket.",
        "fingerprint_key": "The id of the key of `fingerprint`.",
        "finding": "What is not as it was applied; of the log, what is wrong with it first.",
        "first": "When the first was.",
        "first_index": "The position in the log of the first record; null for none.",
        "from_size": "How many records the first tree has whose head it signs.",
        "generation": "The credential generation from then on; tokens of others are refused.",
        "grant": "The grant.",
        "held": "What the role or the principal held before.",
        "holds": "What the role holds from then on.",
        "host": "The host, by its name; in a refused request as it was asked for.",
        "hosts": "The hosts, as they were asked for; a long list is clipped and says by how many.",
        "idempotency_key_sha256": "A digest of the Idempotency-Key; in a batch, of the host's own.",
        "instance_uuid": "about.instanceUuid of the vCenter.",
        "issuance": "The issuance, in vCenter the operationID; or the id that an answer without one had.",
        "kept": "The revision that is still decided on.",
        "key_id": "The id of a key that signs the log.",
        "keys": "Public keys, as verifiers take them.",
        "keys_given": "Whether the checker gave the log's key, or believed its own.",
        "kind": "Of a process: serve or controller. Of a problem: its kind.",
        "kinds": "Each way in which vCenter differs: widened, narrowed, replaced, moved.",
        "last": "When the last was.",
        "last_index": "The position in the log of the last record; null for none.",
        "manifest_sha256": "SHA-256 of the export's manifest.json, which names all of its files.",
        "mark": "The high-water mark that was there, line by line.",
        "method": "How the app authenticated.",
        "moid": "The host's managed object id.",
        "new_secret": "Whether a secret was made; without one every secret stays as it is.",
        "old_secret_until": "Until then the secret before is good as well.",
        "opened": "How many latches were opened, and waits after unanswered log-ins ended.",
        "origin": "The log's name.",
        "outcome": "How the attempt would have ended: issued, refused, failed or unknown.",
        "path": "The route that was asked for, without what the caller wrote into it; of a permission, "
        "the inventory path of its object.",
        "plan": "The digest of the plan that was carried out.",
        "policy_revision": "The policy on which the whole request was decided.",
        "previous_origin": "The log's name until then.",
        "principal": "The user that the permission is for.",
        "problem": "What could not be done.",
        "problems": "How many things could not be done.",
        "proof_age_ms": "How old the proof was when it was used.",
        "proof_digest": "The digest of what vCenter said the account may do.",
        "propagate": "Whether the permission reaches children.",
        "query": "The filters that chose the records, by their options' names; empty for the whole log.",
        "reason": "One of the reason codes.",
        "reasons": "Reason codes, causes behind them, `not_attempted` for a batch: each with its count.",
        "recorded_singly": "How many refusals were recorded one by one before.",
        "replaced": "The digest that was applied before; empty for a grant that was not.",
        "requested_as": "The id of the request that made a further attempt of `issuance`.",
        "retry_after_s": "The seconds that the caller was told to wait.",
        "revision": "The policy's revision.",
        "role": "The role's name in vCenter.",
        "role_id": "The role's id in vCenter.",
        "root_privileges": "What the account holds on the root folder, tolerated by its configuration.",
        "scope": "Each path of the scope with the object that it resolved to.",
        "scopes": "What the access token is good for.",
        "size": "How many records the log had.",
        "standing": "drifted, or narrowed where nobody gained anything.",
        "step_ms": "By how many milliseconds, back with a minus.",
        "steps": "How many steps the plan has.",
        "subject": "The grant, template, inventory path or vCenter.",
        "template": "The template.",
        "template_revision": "A digest of the template's meaning.",
        "tree_size": "How many records the log had, as its signed head says.",
        "until_size": "How many records the last tree has whose head it signed.",
        "user": "The user name at vCenter.",
        "user_agent": "What the client calls itself.",
        "vcenter": "The vCenter, by its id.",
        "version": "The broker's version.",
        "warnings": "What may keep CIM from working on the host.",
        "vkey": "The public key, as verifiers take it.",
        "wanted_by": "The grants that want the permission, or why it goes.",
        "what": "Which command or call: records, record, tail, find-ticket, or report and its name.",
        "was_called": "The name that somebody had given the role.",
        "why": "What a grant was withdrawn for, or an epoch opened.",
        "window_s": "How many seconds refusals are counted for.",
    }
)
