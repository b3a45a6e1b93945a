"""What brokers answer."""

import json

from tests.support.given_log import GivenLog
from tests.support.https import Reply

DECISION = {
    "issuance": "019ab1de-0000-7000-8000-000000000001",
    "host": {"name": "esx01.example.com", "vcenter": "prod", "moid": "host-42"},
    "grant": "hardware",
    "template": {"id": "cim-hardware", "revision": "r1"},
    "account": "cim-reader",
    "warnings": ["firewall_unknown"],
}
TICKET = {
    **DECISION,
    "attempt": 1,
    "session_id": "canary-session",
    "endpoint": {"address": "10.0.0.1", "port": 5989, "url": "https://10.0.0.1:5989"},
    "certificate": {"pem": "a PEM", "sha256": "0" * 64},
    "issued_at": "2026-11-23T11:00:00Z",
    "expires_at": "2026-11-23T11:02:00Z",
    "server_time": "2026-11-23T11:00:05Z",
    "receipt": GivenLog().issue(),
}
PROBLEM = {
    "type": "about:blank",
    "title": "No grant covers this request",
    "status": 403,
    "code": "not_granted",
    "advice": "Ask the broker's admins.",
    "id": "019ab1de-0000-7000-8000-000000000009",
}


def as_json(document: object, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(document).encode(), {"Content-Type": "application/json", **headers})
