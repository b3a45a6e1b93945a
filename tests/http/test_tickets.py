"""POST /v1/tickets."""

from tests.support.http_fakes import Desk
from tests.support.issuing import TICKET

HOST = {"host": "esx01.example.com"}


def test_a_ticket_is_answered_with_all_that_a_client_needs(desk: Desk) -> None:
    answer = desk.ticket(HOST)

    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    assert answer.json["session_id"] == TICKET
    print(answer.text, answer.headers)
    print(desk.ticket(HOST, query="?dry_run=true").text)
    print(desk.get("/v1/hosts").text)
