"""What the controller resolved and applied, and what in vCenter is ours."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Executable, Row, Table, bindparam, delete, select, update

from broker.model.applied import AppliedGrant, Drift, DriftKind, Finding, ScopeEntry
from broker.model.names import GrantId, Moid, TemplateId, VcenterId
from broker.model.principals import canonical_user
from broker.model.record import Record
from broker.ports.administration import Mark, OwnPermission, OwnRole
from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.statements import Prepared
from broker.store.tables import applied_grant, own_permission, own_role
from broker.store.times import from_ms, ms
from broker.store.transaction import Transaction
from broker.store.upserts import put

_APPLIED = Prepared(select(applied_grant).where(applied_grant.c.grant_id == bindparam("which")))


class StoredGrants:
    """Applied grants, in the store: the controller writes them, `serve` reads them.

    Writes are durable when they return. But for `mark` and `remove` they make no records: the
    controller says in its own what it did and why. Every method raises LogUnavailable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def applied(self, grant: GrantId) -> AppliedGrant | None:
        """The grant as it stands in vCenter, or None where nothing was applied."""
        row = self._database.read(lambda c: _APPLIED.run(c, {"which": grant}).fetchone())
        return None if row is None else _grant(row)

    def all(self) -> tuple[AppliedGrant, ...]:
        """Every applied grant, in the order of their ids."""
        every = select(applied_grant).order_by(applied_grant.c.grant_id)
        return tuple(_grant(row) for row in self._database.read(lambda c: c.execute(every).all()))

    def put(self, applied: AppliedGrant) -> None:
        """Remember a grant as applied, in place of what stood there."""
        self._replace(
            applied_grant,
            {
                "grant_id": applied.grant,
                "digest": applied.digest,
                "vcenter": applied.vcenter,
                "role_id": applied.role_id,
                "applied_at": ms(applied.applied_at),
                "drift": _written(applied.drift),
                "scope": json.dumps([[e.path, e.instance_uuid, e.moid] for e in applied.scope]),
            },
        )

    def mark(self, marks: Sequence[Mark]) -> tuple[Mark, ...]:
        """Say what no longer holds, or that all does, each with its record, in one transaction.

        Gives those that were made: none where a grant was applied anew or withdrawn after it was `seen`.
        """

        def work(transaction: Transaction) -> tuple[Mark, ...]:
            made = tuple(mark for mark in marks if _mark(transaction, mark))
            if made:
                transaction.append([mark.said for mark in made])
            return made

        return self._database.write(Reserve.NONE, work)

    def remove(self, grant: GrantId, said: Record) -> None:
        """Forget that a grant was applied, with its record, in one transaction."""

        def work(transaction: Transaction) -> None:
            _run(transaction, delete(applied_grant).where(applied_grant.c.grant_id == grant))
            transaction.append([said])

        self._database.write(Reserve.NONE, work)

    def own_roles(self, instance_uuid: str) -> tuple[OwnRole, ...]:
        """The roles of that vCenter that are ours, in the order of their names."""
        mine = select(own_role).where(own_role.c.instance_uuid == instance_uuid).order_by(own_role.c.name)
        return tuple(_role(row) for row in self._database.read(lambda c: c.execute(mine).all()))

    def own_role(self, role: OwnRole) -> None:
        """Claim a role: first without its id, before vCenter is asked, then with it."""
        self._replace(
            own_role,
            {
                "instance_uuid": role.instance_uuid,
                "name": role.name,
                "template": role.template,
                "role_id": role.role_id,
                "privileges": json.dumps(sorted(role.privileges)),
            },
        )

    def own_permissions(self, instance_uuid: str) -> tuple[OwnPermission, ...]:
        """The permissions of that vCenter that are ours, in the order of their entities."""
        mine = select(own_permission).where(own_permission.c.instance_uuid == instance_uuid)
        mine = mine.order_by(own_permission.c.entity, own_permission.c.principal)
        rows = self._database.read(lambda c: c.execute(mine).all())
        return tuple(OwnPermission(r.instance_uuid, Moid(r.entity), r.principal, r.role_id) for r in rows)

    def own_permission(self, permission: OwnPermission) -> None:
        """Claim a permission before vCenter is asked to set it."""
        self._replace(
            own_permission,
            {
                "instance_uuid": permission.instance_uuid,
                "entity": permission.entity,
                "principal": permission.principal,
                "role_id": permission.role_id,
            },
        )

    def disown_role(self, instance_uuid: str, name: str) -> None:
        """A role is ours no longer: it is gone, or another took its name."""
        mine = (own_role.c.instance_uuid == instance_uuid, own_role.c.name == name)
        self._database.write(Reserve.NONE, lambda t: _run(t, delete(own_role).where(*mine)))

    def disown_permission(self, instance_uuid: str, entity: Moid, principal: str) -> None:
        """A permission is ours no longer, however its principal is written."""
        same = canonical_user(principal)
        held = [p for p in self.own_permissions(instance_uuid) if p.entity == entity]
        written = [p.principal for p in held if canonical_user(p.principal) == same]
        gone = delete(own_permission).where(
            own_permission.c.instance_uuid == instance_uuid,
            own_permission.c.entity == entity,
            own_permission.c.principal.in_(written),
        )
        self._database.write(Reserve.NONE, lambda t: _run(t, gone))

    def _replace(self, table: Table, values: dict[str, object]) -> None:
        self._database.write(Reserve.NONE, lambda t: put(t.connection, table, values))


def _run(transaction: Transaction, statement: Executable) -> None:
    transaction.connection.execute(statement)


def _grant(row: Sequence[Any]) -> AppliedGrant:
    """Of a row in the columns of the table."""
    grant, digest, vcenter, role_id, applied_at, drift, scope = row
    return AppliedGrant(
        grant=GrantId(grant),
        digest=digest,
        vcenter=VcenterId(vcenter),
        scope=tuple(ScopeEntry(path, uuid, Moid(moid)) for path, uuid, moid in json.loads(scope)),
        role_id=role_id,
        applied_at=from_ms(applied_at),
        drift=_drift(drift) if drift else None,
    )


def _mark(transaction: Transaction, mark: Mark) -> bool:
    change = update(applied_grant).values(drift=_written(mark.drift))
    change = change.where(
        applied_grant.c.grant_id == mark.seen.grant,
        applied_grant.c.digest == mark.seen.digest,
        applied_grant.c.applied_at == ms(mark.seen.applied_at),
    )
    return bool(transaction.connection.execute(change).rowcount)


def _written(drift: Drift | None) -> str | None:
    if drift is None:
        return None
    findings = [[f.kind.value, f.text, f.changed_by] for f in drift.findings]
    return json.dumps([ms(drift.found_at), findings])


def _drift(written: str) -> Drift:
    found_at, findings = json.loads(written)
    return Drift(tuple(Finding(DriftKind(kind), text, by) for kind, text, by in findings), from_ms(found_at))


def _role(row: Row[tuple[object, ...]]) -> OwnRole:
    return OwnRole(
        instance_uuid=row.instance_uuid,
        name=row.name,
        template=TemplateId(row.template),
        role_id=row.role_id,
        privileges=frozenset(json.loads(row.privileges)),
    )
