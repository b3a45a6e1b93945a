"""A policy on disk that loads, to break in one place at a time."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.support.log_keys import LOG_KEYS
from tests.support.templates import OBLIGATORY

SERVER = """\
issuer: https://broker.example.com
listener:
  tls: {host: 127.0.0.1, port: 0, certificate: server.pem, key: server.key}
store: broker.db
roles: roles
signing_keys:
  - {file: signing.pem}
fingerprint_key: {variable: BROKER_FINGERPRINT_KEY}
"""

VCENTERS = """\
vcenters:
  prod:
    host: vc.example.com
    ca_file: ca.pem
"""

ACCOUNTS = """\
accounts:
  cim-a:
    vcenter: prod
    user: svc-cim-a@vsphere.local
    password: {file: cim-a.password}
"""

APPS = """\
apps:
  nagios:
    description: Sensors
    owner: storage team
    scopes: [tickets]
"""

GRANTS = """\
grants:
  nagios-dc1:
    app: nagios
    template: cim-ticket
    account: cim-a
    scope: [/DC1/host/cluster-01]
    owner: storage team
    reason: disks fail
    valid_until: 2027-01-01T00:00:00Z
"""

TEMPLATE = f"""\
name: cim-ticket
description: CIM tickets
{OBLIGATORY}\
privileges:
  - id: Host.Cim.CimInteraction
    reason: the ticket
"""

CONTROLLER = """\
policy: .
store: broker.db
logins:
  prod:
    user: svc-controller@vsphere.local
    password: {credential: prod-password}
"""


class PolicyFiles:
    """A folder with every file of a policy, and the controller's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "roles").mkdir(parents=True)
        LOG_KEYS.write(folder / "audit-keys")
        self.put("server.yaml", SERVER)
        self.put("vcenters.yaml", VCENTERS)
        self.put("accounts.yaml", ACCOUNTS)
        self.put("apps.yaml", APPS)
        self.put("grants.yaml", GRANTS)
        self.put("roles/cim-ticket.yaml", TEMPLATE)
        self.put("controller.yaml", CONTROLLER)

    def put(self, name: str, text: str) -> Path:
        """Write a file, whatever was there."""
        file = self.folder / name
        file.write_text(text, encoding="utf-8", newline="")
        return file

    def change(self, name: str, old: str, new: str) -> Path:
        """Replace the one place where `old` stands."""
        text = (self.folder / name).read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise AssertionError(f"{old!r} stands {text.count(old)} times in {name}")
        return self.put(name, text.replace(old, new))

    def add(self, name: str, text: str) -> Path:
        """Append to a file."""
        return self.put(name, (self.folder / name).read_text(encoding="utf-8") + text)


PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def public_pem(key: PrivateKey) -> str:
    """The public half, as `openssl pkey -pubout` writes it."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(key: PrivateKey) -> str:
    """The private half in PKCS #8."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
