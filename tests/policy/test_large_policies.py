"""A large site, as `make bench` has it, loads and has no findings; what lint may take is its bound there."""

from datetime import date
from pathlib import Path

from broker.lint.findings import Material
from broker.lint.run import lint
from broker.policy.load import load_with_places
from broker.privileges.catalogue import shipped
from tests.support.many_grants import Size, write_site


def test_a_large_site_has_nothing_to_find(tmp_path: Path) -> None:
    files = write_site(tmp_path / "policy", Size(templates=50, grants=200, hosts=250))
    policy, written = load_with_places(files.folder)
    assert (len(policy.templates), len(policy.grants)) == (51, 200)
    assert len({path for grant in policy.grants.values() for path in grant.scope}) == 250
    assert lint(Material(policy, shipped(), date(2026, 12, 1)), written) == ()
