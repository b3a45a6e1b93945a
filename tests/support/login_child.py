"""A process that logs an account in once.

`python -m tests.support.login_child STORE HOST PORT CA USER PASSWORD_FILE` says `ready`, waits for a line,
logs in as a process that starts does, and says `in` or why not.
"""

import sys
from functools import partial
from pathlib import Path

from broker.clock import SystemClock
from broker.errors import Refused
from broker.model.secret import SecretFile
from broker.secrets import read_secret
from broker.store.database import Database
from broker.store.latches import StoredLatches
from broker.vsphere.sessions import Session
from tests.support.log_keys import LOG_KEYS
from tests.support.vcenter_entries import session_on, vcenter_entry

CALL_S = 60.0


def log_in(session: Session) -> str:
    try:
        session.run(lambda _link: None)
    except Refused as refused:
        return refused.reason.value
    return "in"


def main() -> None:
    store, host, port, anchor, user, password = sys.argv[1:]
    database = Database.open(Path(store), SystemClock(), LOG_KEYS)
    vcenter = vcenter_entry(host, int(port), Path(anchor), call_s=CALL_S)
    secret = partial(read_secret, SecretFile(Path(password)))
    session = session_on(vcenter, user=user, secret=secret, latch=StoredLatches(database))
    print("ready", flush=True)
    sys.stdin.readline()
    print(log_in(session), flush=True)
    session.close()
    database.close()


if __name__ == "__main__":
    main()
