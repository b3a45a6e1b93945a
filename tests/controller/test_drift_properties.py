"""What a look calls holding does hold, whatever somebody did to roles, permissions, names and places.

On the lab's own permission model. What reaches an account through a group cannot be told from
permissions, so no group is meddled with here: that is found by the proof before each ticket.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.controller.changes import Changes
from broker.controller.comparing import look, standing_as_written
from broker.controller.planning.plan import Asked
from broker.model.applied import AppliedGrant, Standing
from broker.model.names import Moid
from broker.model.policy import Policy
from broker.store.database import Database
from tests.controller.test_apply_properties import (
    MEDDLING,
    PATHS,
    POLICIES,
    PRINCIPALS,
    PRIVILEGES,
    Foreign,
    Meddling,
    Said,
    Trial,
    policy_of,
)
from tests.support.administration import CIM, CONFIG, UUID
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS
from tests.support.modelled_vcenter import ACCOUNTS

USERS = tuple(principal for principal in PRINCIPALS if not principal[1])
FOREIGN = st.builds(
    Foreign, st.sampled_from(PATHS), st.sampled_from(USERS), st.none() | PRIVILEGES, st.booleans()
)


@dataclass(frozen=True)
class Move:
    """Something gets another name, or with `under` another place."""

    path: str
    name: str
    under: str | None


MOVES = st.builds(
    Move,
    st.sampled_from([path for path in PATHS if path.count("/") > 1]),
    st.sampled_from(("cluster-01", "Racks", "another")),
    st.sampled_from((None, "/DC1/host", "/DC2/host", "/DC1/host/Racks")),
)


@contextmanager
def trial() -> Iterator[Trial]:
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Path(folder) / "store.db", HandClock(), LOG_KEYS)
        try:
            yield Trial(database)
        finally:
            database.close()


def move(at: Trial, what: Move) -> None:
    inventory = at.vcenter.inventory
    entity = inventory.at(what.path)
    if what.under is not None and entity not in inventory.path(inventory.at(what.under).moid):
        inventory.move(entity.moid, inventory.at(what.under).moid)
    entity.name = what.name


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    said=POLICIES,
    foreign=st.lists(FOREIGN, max_size=2),
    meddling=st.lists(MEDDLING, max_size=1),
    moves=st.lists(MOVES, max_size=1),
)
def test_under_a_grant_that_holds_every_account_has_its_template_on_every_host(
    said: tuple[list[Said], dict[str, frozenset[str]]],
    foreign: list[Foreign],
    meddling: list[Meddling],
    moves: list[Move],
) -> None:
    wanted = policy_of(*said)
    with trial() as at:
        at.apply(wanted, Asked())
        at.meddle(foreign, meddling)
        for each in moves:
            move(at, each)
        look_at(at, wanted)
        check(at, wanted)


def look_at(at: Trial, wanted: Policy) -> None:
    rooms = at.rooms()
    for vcenter, grants in standing_as_written(wanted, at.store.all()).items():
        look(wanted, grants, rooms.administration(wanted.vcenters[vcenter]), Changes(), rooms)


def check(at: Trial, wanted: Policy) -> None:
    """Of every host that grants of an account reach which all hold: the nearest of them decides."""
    tree, held, applied = at.vcenter.tree, at.vcenter.effective(), at.store.all()
    for account in ACCOUNTS:
        own = [grant for grant in applied if wanted.grants[grant.grant].account == account]
        for host in [Moid(each.moid) for each in at.vcenter.inventory.hosts()]:
            lineage = tree.lineage(host)
            reaching = [grant for grant in own if grant.covers(UUID, lineage)]
            if reaching and all(grant.standing is Standing.HOLDS for grant in reaching):
                template = wanted.templates[wanted.grants[nearest(reaching, lineage).grant].template]
                assert held[account, host] == template.privileges


def nearest(reaching: list[AppliedGrant], lineage: tuple[Moid, ...]) -> AppliedGrant:
    return next(grant for at in lineage for grant in reaching if any(e.moid == at for e in grant.scope))


def test_where_nobody_did_anything_everything_holds() -> None:
    said = [Said("svc-cim-a", "t1", ("/DC1",)), Said("svc-cim-a", "t2", ("/DC1/host/Racks",))]
    wanted = policy_of(said, {"t1": frozenset({CIM}), "t2": frozenset({CIM, CONFIG}), "t3": frozenset({CIM})})
    with trial() as at:
        assert at.apply(wanted, Asked()).problems == ()
        look_at(at, wanted)
        assert [grant.standing for grant in at.store.all()] == [Standing.HOLDS] * 2
        check(at, wanted)
