"""The shipped catalogue says nothing without a source, and what it says of pyVmomi and the lab is so."""

import json

import pytest

from broker.lab.authorization.catalogue import Catalogue as LabCatalogue
from broker.privileges.catalogue import CIM_INTERACTION, SYSTEM_MANAGEMENT, Catalogue, Risk, shipped
from tests.privileges.refresh_catalogue import FILE, refreshed


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return shipped()


def test_it_has_every_privilege_that_the_lab_has(catalogue: Catalogue) -> None:
    current = {each.id for each in catalogue.privileges.values() if not each.retired}
    assert current == LabCatalogue.shipped().ids


def test_every_statement_names_a_source_that_is_cited(catalogue: Catalogue) -> None:
    for each in catalogue.privileges.values():
        assert each.listed_in, each.id
        assert (each.description is None) == (each.described_in is None), each.id
        assert (each.risk is Risk.UNKNOWN) == (each.risk_source is None), each.id
        assert (each.risk_reason is None) == (each.risk_source is None), each.id
        named = {*each.listed_in, each.described_in, each.risk_source} - {None}
        assert named <= catalogue.sources.keys(), each.id


def test_every_entry_has_the_types_that_are_declared(catalogue: Catalogue) -> None:
    for each in catalogue.privileges.values():
        texts = (each.description, each.described_in, each.risk_reason, each.risk_source, each.since_api)
        assert all(text is None or isinstance(text, str) for text in texts), each.id
        assert all(isinstance(text, str) for text in (*each.needed_by, *each.listed_in)), each.id
        assert each.id.rpartition(".")[0] == each.group


def test_what_needs_a_privilege_is_what_pyvmomi_says() -> None:
    written = FILE.read_text()
    assert refreshed(json.loads(written)) == written, "run: python -m tests.privileges.refresh_catalogue"


def test_the_risky_ones_are_known_for_it(catalogue: Catalogue) -> None:
    risks = {name: catalogue.privileges[name].risk for name in catalogue.privileges}
    assert risks[CIM_INTERACTION] is Risk.SENSITIVE
    assert risks[SYSTEM_MANAGEMENT] is Risk.ESCALATION
    assert risks["Authorization.ModifyRoles"] is Risk.ESCALATION
    assert risks["Cryptographer.ReadKeyServersInfo"] is Risk.READ
    assert risks["Namespaces.Backup"] is Risk.UNKNOWN


def test_a_privilege_of_an_older_list_is_retired(catalogue: Catalogue) -> None:
    assert [each.id for each in catalogue.privileges.values() if each.retired] == [
        "VRMPolicy.Query",
        "VRMPolicy.Update",
        "VirtualMachine.Config.Unlock",
    ]


def test_an_id_is_found_in_whatever_case_and_only_so(catalogue: Catalogue) -> None:
    assert catalogue.spelled("host.CIM.ciminteraction") == CIM_INTERACTION
    assert catalogue.get("host.CIM.ciminteraction") is None
    assert catalogue.spelled("Host.Cim") is None
