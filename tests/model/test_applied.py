"""What a grant covers, once it is applied."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from broker.model.applied import DriftKind, ScopeEntry, Standing
from broker.model.names import Moid
from tests.support.issuing import APPLIED, UUID, drift


class Walked(tuple[ScopeEntry, ...]):
    """A scope that counts how often it is gone through."""

    __slots__ = ()
    walks: list[None] = []  # noqa: RUF012 - a tuple has no room for its own

    def __iter__(self) -> Iterator[ScopeEntry]:
        self.walks.append(None)
        return super().__iter__()


def entry(number: int) -> ScopeEntry:
    return ScopeEntry(f"/DC/host/{number}", UUID, Moid(f"domain-c{number}"))


@pytest.mark.parametrize(
    ("uuid", "lineage", "covered"),
    [
        (UUID, ("domain-c7",), True),
        (UUID, ("host-1", "domain-c7", "group-d1"), True),
        (UUID, ("host-1", "domain-c70"), False),
        (UUID, (), False),
        ("another", ("domain-c7",), False),
    ],
)
def test_a_host_is_covered_by_itself_or_an_ancestor_on_the_same_vcenter(
    uuid: str, lineage: tuple[str, ...], *, covered: bool
) -> None:
    applied = replace(APPLIED, scope=tuple(entry(n) for n in range(20)))
    assert applied.covers(uuid, tuple(map(Moid, lineage))) is covered


def test_asking_about_many_hosts_goes_through_the_scope_once() -> None:
    applied = replace(APPLIED, scope=Walked(entry(n) for n in range(3)))
    for number in range(50):
        applied.covers(UUID, (Moid(f"host-{number}"),))
    assert len(Walked.walks) == 1


def test_two_records_of_one_application_are_equal() -> None:
    assert replace(APPLIED) == APPLIED
    assert hash(replace(APPLIED)) == hash(APPLIED)
    assert replace(APPLIED, scope=()) != APPLIED


@pytest.mark.parametrize(
    ("kinds", "standing"),
    [
        ([DriftKind.WIDENED], Standing.DRIFTED),
        ([DriftKind.REPLACED], Standing.DRIFTED),
        ([DriftKind.MOVED], Standing.DRIFTED),
        ([DriftKind.NARROWED], Standing.NARROWED),
        ([DriftKind.NARROWED, DriftKind.NARROWED], Standing.NARROWED),
        ([DriftKind.NARROWED, DriftKind.WIDENED], Standing.DRIFTED),
    ],
)
def test_a_grant_is_narrowed_where_all_that_was_found_is_less(
    kinds: list[DriftKind], standing: Standing
) -> None:
    findings = tuple(finding for kind in kinds for finding in drift(kind).findings)
    found = replace(drift(), findings=findings)
    assert replace(APPLIED, drift=found).standing is standing
    assert set(found.kinds) == set(kinds)


def test_a_drift_says_what_was_found_and_by_whom_it_was_changed() -> None:
    findings = (
        *drift(text="the role holds more", changed_by="CORP\\bob").findings,
        *drift(text="gone").findings,
    )
    found = replace(drift(), findings=findings)
    assert str(found) == "the role holds more (changed by CORP\\bob); gone"
    assert found.changed_by == ("CORP\\bob",)
