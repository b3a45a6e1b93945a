"""The believed address: the socket's on TLS, the last hop on a Unix socket, and canonical always."""

import pytest

from broker.http.context import Asked
from broker.ids import new_issuance_id
from broker.model.issuance import Origin
from tests.support.http_fakes import TLS, UNIX, Desk, make_desk, settings_for


def origin(desk: Desk, peer: str = "192.0.2.50", **headers: str) -> tuple[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    desk.client.get("/v1/hosts", headers=named, environ_overrides={"REMOTE_ADDR": peer})
    desk.client.post(
        "/oauth2/token",
        data={"grant_type": "client_credentials"},
        headers=named,
        environ_overrides={"REMOTE_ADDR": peer},
    )
    found = desk.access.turned_away[-1][2]
    return found.address, found.user_agent


@pytest.fixture
def direct() -> Desk:
    return make_desk(settings=settings_for(TLS))


@pytest.fixture
def proxied() -> Desk:
    return make_desk(settings=settings_for(UNIX))


@pytest.mark.parametrize(
    "name", ["X_Forwarded_For", "Forwarded", "X_Real_IP", "True_Client_IP", "X_Client_IP"]
)
def test_on_tls_no_header_is_believed(direct: Desk, name: str) -> None:
    assert origin(direct, **{name: "203.0.113.9"})[0] == "192.0.2.50"


@pytest.mark.parametrize(
    ("told", "believed"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("10.0.0.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1,203.0.113.9 ", "203.0.113.9"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9,", "unknown"),
        ("203.0.113.9:1234", "unknown"),
        ("localhost", "unknown"),
        ("203.0.113.009", "unknown"),
        ("unix:", "unknown"),
        ("", "unknown"),
        ("x" * 4000, "unknown"),
    ],
)
def test_on_the_unix_socket_the_last_hop_is_believed(proxied: Desk, told: str, believed: str) -> None:
    assert origin(proxied, "", X_Forwarded_For=told)[0] == believed


def test_on_the_unix_socket_a_missing_header_is_nobodys_address(proxied: Desk) -> None:
    assert origin(proxied, "")[0] == "unknown"


@pytest.mark.parametrize("peer", ["", "not an address"])
def test_a_peer_without_address_is_unknown(direct: Desk, peer: str) -> None:
    assert origin(direct, peer)[0] == "unknown"


@pytest.mark.parametrize("sent", ["check\x1b[31m/1", "check\x7f", "check\x85x", "a" * 1_000])
def test_a_user_agent_is_clipped_and_cleaned(direct: Desk, sent: str) -> None:
    _, agent = origin(direct, User_Agent=sent)

    assert len(agent) <= 200
    assert agent.isprintable()


def test_a_view_of_an_open_route_has_no_caller(direct: Desk) -> None:
    with pytest.raises(RuntimeError, match="nobody is authenticated"):
        _ = Asked(Origin("", ""), new_issuance_id(direct.world.clock)).known
