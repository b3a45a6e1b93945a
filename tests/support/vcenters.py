"""One product on several vCenters, each a lab of its own, all with hosts of the same names."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import requests

from broker.demo.files import ACCOUNT, ACCOUNT_USER, APP, CONTROLLER_USER, GRANT, VCENTER
from broker.lab.control.client import LabControl
from broker.lab.process import Lab
from tests.support.lab import small_lab
from tests.support.stack import HOST, Stack


class Vcenters:
    """The stack, and the knobs of each vCenter by the id under which the policy knows it."""

    def __init__(self, stack: Stack, labs: dict[str, Lab]) -> None:
        self.stack = stack
        self.knobs: dict[str, LabControl] = {name: lab.control for name, lab in labs.items()}
        self._token = ""

    def serve(self) -> None:
        """Start the broker; every vCenter is ready."""
        self.stack.serve()
        self.stack.ready()
        self._token = self.stack.access_token()
        for name in self.knobs:
            assert self.ask(name).status_code == 200

    def ask(self, vcenter: str) -> requests.Response:
        """One ticket for the host of that vCenter."""
        return self.stack.post(
            "/v1/tickets",
            json={"host": HOST, "vcenter": vcenter},
            headers={"Authorization": f"Bearer {self._token}"},
        )


@contextmanager
def several_vcenters(root: Path, *names: str) -> Iterator[Vcenters]:
    """The first is the stack's own; nothing is served yet."""
    with ExitStack() as running:
        labs = {name: running.enter_context(small_lab(root / name)) for name in (VCENTER, *names)}
        stack = Stack(root, labs[VCENTER])
        running.callback(stack.close)
        for name in names:
            _add(stack, name, labs[name])
        stack.apply()
        stack.config("apps", "add", APP)
        yield Vcenters(stack, labs)


def _add(stack: Stack, name: str, lab: Lab) -> None:
    """As the first is, with an account and a grant of its own."""

    def login(user: str) -> dict[str, Any]:
        return {"user": user, "password": {"file": str(lab.password_file(user))}}

    entry = {"host": "localhost", "port": lab.vcenter_port, "ca_file": str(lab.ca_file)}
    stack.edit("vcenters.yaml", lambda v: v["vcenters"].update({name: entry}))
    account = {"vcenter": name, **login(ACCOUNT_USER)}
    stack.edit("accounts.yaml", lambda a: a["accounts"].update({f"{ACCOUNT}-{name}": account}))
    stack.edit("grants.yaml", lambda g: g["grants"].update({f"{GRANT}-{name}": _grant(g, name)}))
    stack.edit(str(stack.site.controller_file), lambda c: c["logins"].update({name: login(CONTROLLER_USER)}))


def _grant(grants: dict[str, Any], name: str) -> dict[str, Any]:
    return {**deepcopy(grants["grants"][GRANT]), "account": f"{ACCOUNT}-{name}"}
