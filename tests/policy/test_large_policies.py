"""A large site is linted within the two seconds that are promised, and nothing in it is quadratic."""

import time
from datetime import date
from pathlib import Path

from broker.lint.findings import Material
from broker.lint.run import lint
from broker.policy.load import load_with_places
from broker.privileges.catalogue import shipped
from tests.support.many_grants import Size, write_site

LINT_WITHIN_S = 2.0


def test_five_hundred_templates_and_two_thousand_grants_take_two_seconds_of_cpu(tmp_path: Path) -> None:
    files = write_site(tmp_path / "policy", Size(templates=500, grants=2000, hosts=2500))
    began = time.process_time()
    policy, written = load_with_places(files.folder)
    findings = lint(Material(policy, shipped(), date(2026, 12, 1)), written)
    assert time.process_time() - began <= LINT_WITHIN_S
    assert (len(policy.templates), len(policy.grants)) == (501, 2000)
    assert findings == ()
