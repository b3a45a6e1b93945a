"""What an account's inventory says of hosts, however odd vCenter's answers are."""

from typing import Any

import pytest
from pyVmomi import vim

from broker.model.inventory import Connection, Host, HostRef
from broker.model.names import HostName, Moid, VcenterId, parse_host_name
from broker.vsphere.hosts import CONNECTION, DNS_DOMAIN, DNS_HOST, LOCKDOWN, VERSION, VNICS, host_of
from broker.vsphere.inventory import Tree

Remote = Any
UUID = "61f12cb6-9de0-40cb-9c47-61d494229f4f"
ROOT = "group-d1"


def adapter(*addresses: str) -> Remote:
    first, *rest = addresses
    six = vim.host.IpConfig.IpV6AddressConfiguration(
        ipV6Address=[vim.host.IpConfig.IpV6Address(ipAddress=a, prefixLength=64) for a in rest]
    )
    config = vim.host.IpConfig(dhcp=False, ipAddress=first, ipV6Config=six)
    return vim.host.VirtualNic(
        device="vmk0", key="vmk0", portgroup="", spec=vim.host.VirtualNic.Specification(ip=config)
    )


def cluster() -> Remote:
    return vim.ClusterComputeResource("domain-c7")


def shown(name: str = "esx01.example.com", **more: Remote) -> dict[str, Remote]:
    return {"name": name, "parent": cluster(), **more}


@pytest.fixture
def tree() -> Tree:
    tree = Tree(VcenterId("prod"), UUID, Moid(ROOT))
    tree.put_container("domain-c7", vim.Folder("group-h4"))
    tree.put_container("group-h4", vim.Datacenter("datacenter-2"))
    tree.put_container("datacenter-2", vim.Folder(ROOT))
    return tree


def the_host(tree: Tree, name: str = "esx01.example.com") -> Host:
    (host,) = tree.inventory().find(parse_host_name(name))
    return host


def names(tree: Tree) -> set[str]:
    return set(tree.inventory().by_name)


def test_a_host_shows_where_it_stands_and_how(tree: Tree) -> None:
    tree.put_host(
        "host-11",
        shown(
            "ESX01.Example.com.",
            **{CONNECTION: "connected", VERSION: "8.0.3", LOCKDOWN: "lockdownNormal"},
        ),
    )
    host = the_host(tree)
    assert host.ref.moid == "host-11"
    assert host.ref.instance_uuid == UUID
    assert host.ancestors == ("domain-c7", "group-h4", "datacenter-2", ROOT)
    assert (host.connection, host.version, host.lockdown) == (
        Connection.CONNECTED,
        "8.0.3",
        "lockdownNormal",
    )


def test_what_vcenter_does_not_show_is_unknown(tree: Tree) -> None:
    tree.put_host("host-11", shown())
    host = the_host(tree)
    assert (host.connection, host.version, host.lockdown) == (Connection.UNKNOWN, None, None)


def test_what_vcenter_no_longer_shows_becomes_unknown(tree: Tree) -> None:
    tree.put_host("host-11", shown(**{CONNECTION: "connected", VERSION: "8.0.3"}))
    assert the_host(tree).version == "8.0.3"
    tree.put_host("host-11", {}, [CONNECTION, VERSION])
    assert (the_host(tree).connection, the_host(tree).version) == (Connection.UNKNOWN, None)


def test_values_outside_their_lists_are_unknown(tree: Tree) -> None:
    tree.put_host(
        "host-11", shown(**{CONNECTION: "on fire", VERSION: "8.0\n<b>", LOCKDOWN: "lockdownPerhaps"})
    )
    host = the_host(tree)
    assert (host.connection, host.version, host.lockdown) == (Connection.UNKNOWN, None, None)


def test_a_host_is_found_by_name_dns_name_and_addresses(tree: Tree) -> None:
    more: dict[str, Remote] = {
        DNS_HOST: "Esx01",
        DNS_DOMAIN: "inner.example.com",
        VNICS: [adapter("192.0.2.11", "2001:DB8::11", "fe80::1"), adapter("169.254.0.1")],
    }
    tree.put_host("host-11", shown() | more)
    assert names(tree) == {
        "esx01.example.com",
        "esx01.inner.example.com",
        "192.0.2.11",
        "2001:db8::11",
    }
    assert the_host(tree).addresses == ("esx01.inner.example.com", "192.0.2.11", "2001:db8::11")


def test_a_host_without_a_name_of_its_own_is_not_called_localhost(tree: Tree) -> None:
    tree.put_host("host-11", shown(**{DNS_HOST: "localhost", DNS_DOMAIN: "localdomain"}))
    assert names(tree) == {"esx01.example.com"}


def test_a_name_that_fits_two_hosts_shows_both(tree: Tree) -> None:
    tree.put_host("host-11", shown("esx01.example.com"))
    tree.put_host("host-12", shown("esx02.example.com", **{DNS_HOST: "esx01", DNS_DOMAIN: "example.com"}))
    found = tree.inventory().find(HostName("esx01.example.com"))
    assert {h.ref.moid for h in found} == {"host-11", "host-12"}


@pytest.mark.parametrize(
    "name",
    [
        "esx%2f01",
        "esx01\n",
        "esx01\nT100I ticket issued",
        "<b>esx</b>",
        "a&b",
        "../etc",
        "",
        "\uff45sx01",
        "a b",
    ],
)
def test_a_name_outside_the_grammar_finds_nobody_and_is_counted(tree: Tree, name: str) -> None:
    tree.put_host("host-11", shown(name))
    assert names(tree) == set()
    assert tree.inventory().nameless == 1


def test_a_host_with_an_odd_name_is_still_found_by_its_address(tree: Tree) -> None:
    tree.put_host("host-11", shown("rack 4 / left", **{VNICS: [adapter("192.0.2.11")]}))
    host = the_host(tree, "192.0.2.11")
    assert (host.name, host.addresses, host.self_named) == ("192.0.2.11", (), True)
    assert tree.inventory().nameless == 1


@pytest.mark.parametrize("identity", ["host 11", "host-11\n", "", "../host-11", "h" * 200])
def test_an_id_outside_the_grammar_is_no_host(tree: Tree, identity: str) -> None:
    tree.put_host(identity, shown())
    assert names(tree) == set()
    assert tree.inventory().nameless == 1
    tree.take(identity)
    assert tree.inventory().nameless == 0


def test_a_host_whose_ancestors_run_in_a_circle_is_no_host(tree: Tree) -> None:
    tree.put_container("group-h4", vim.ClusterComputeResource("domain-c7"))
    tree.put_host("host-11", shown())
    assert names(tree) == set()
    assert tree.inventory().nameless == 1


def test_a_host_that_is_its_own_parent_is_no_host(tree: Tree) -> None:
    tree.put_host("host-11", {"name": "esx01.example.com", "parent": vim.HostSystem("host-11")})
    assert names(tree) == set()


def test_an_endless_chain_of_ancestors_is_no_place(tree: Tree) -> None:
    for number in range(200):
        tree.put_container(f"deep-{number}", vim.Folder(f"deep-{number + 1}"))
    tree.put_host("host-11", {"name": "esx01.example.com", "parent": vim.Folder("deep-0")})
    assert names(tree) == set()


def test_a_parent_outside_the_grammar_ends_the_chain(tree: Tree) -> None:
    tree.put_host("host-11", {"name": "esx01.example.com", "parent": vim.Folder("<x>")})
    assert the_host(tree).ancestors == ()


def test_a_chain_that_the_account_cannot_see_to_its_end_is_shown_as_far_as_it_goes(tree: Tree) -> None:
    tree.take("group-h4")
    tree.put_host("host-11", shown())
    assert the_host(tree).ancestors == ("domain-c7", "group-h4")


def test_ancestors_that_come_after_the_host_are_its_ancestors(tree: Tree) -> None:
    tree.put_host("host-21", {"name": "esx21.example.com", "parent": vim.ClusterComputeResource("domain-c9")})
    assert the_host(tree, "esx21.example.com").ancestors == ("domain-c9",)
    tree.put_container("domain-c9", vim.Folder("group-h4"))
    assert the_host(tree, "esx21.example.com").ancestors == ("domain-c9", "group-h4", "datacenter-2", ROOT)


def test_a_host_that_moves_has_other_ancestors(tree: Tree) -> None:
    tree.put_host("host-11", shown())
    tree.inventory()
    tree.put_host("host-11", {"parent": vim.Folder("group-h4")})
    assert the_host(tree).ancestors == ("group-h4", "datacenter-2", ROOT)


def test_a_cluster_that_moves_takes_its_hosts_along(tree: Tree) -> None:
    tree.put_host("host-11", shown())
    tree.inventory()
    tree.put_container("domain-c7", vim.Folder(ROOT))
    assert the_host(tree).ancestors == ("domain-c7", ROOT)


def test_a_host_that_leaves_is_found_no_more(tree: Tree) -> None:
    tree.put_host("host-11", shown())
    before = tree.inventory()
    tree.take("host-11")
    assert tree.inventory().find(HostName("esx01.example.com")) == ()
    assert len(before.find(HostName("esx01.example.com"))) == 1


def test_a_renamed_host_answers_to_its_new_name_only(tree: Tree) -> None:
    tree.put_host("host-11", shown())
    tree.inventory()
    tree.put_host("host-11", {"name": "esx99.example.com"})
    assert names(tree) == {"esx99.example.com"}


def test_a_change_of_one_host_among_many_reads_that_one_anew(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Moid] = []

    def counted(ref: HostRef, *told: Any) -> Host | None:
        read.append(ref.moid)
        return host_of(ref, *told)

    monkeypatch.setattr("broker.vsphere.inventory.host_of", counted)
    for number in range(2500):
        address = f"10.0.{number // 250}.{number % 250}"
        tree.put_host(f"host-{number}", shown(f"esx{number}.example.com", **{VNICS: [adapter(address)]}))
    assert len(tree.inventory().all) == 2500
    tree.put_host("host-7", {CONNECTION: "disconnected"})
    assert the_host(tree, "esx7.example.com").connection is Connection.DISCONNECTED
    assert read[2500:] == ["host-7"]
