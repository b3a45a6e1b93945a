import pytest

from broker.model.principals import canonical_user, principal_of


@pytest.mark.parametrize(
    ("user", "principal"),
    [
        ("cim-reader@vsphere.local", "VSPHERE.LOCAL\\cim-reader"),
        ("CORP\\cim-reader", "CORP\\cim-reader"),
        ("corp\\cim-reader", "CORP\\cim-reader"),
        ("a@b@corp.example.com", "CORP.EXAMPLE.COM\\a@b"),
        ("root", "root"),
        ("@corp", "@corp"),
    ],
)
def test_a_user_is_written_as_permissions_write_it(user: str, principal: str) -> None:
    assert principal_of(user) == principal


def test_both_ways_to_write_an_account_are_one_account() -> None:
    assert canonical_user("CIM-Reader@vsphere.local") == canonical_user("VSPHERE.LOCAL\\cim-reader")


@pytest.mark.parametrize(
    "other", ["cim-reader@vsphere.1ocal", "cim-reader", "c\u0131m-reader@vsphere.local", "CORP\\cim-reader"]
)
def test_another_account_is_another_account(other: str) -> None:
    assert canonical_user("cim-reader@vsphere.local") != canonical_user(other)
