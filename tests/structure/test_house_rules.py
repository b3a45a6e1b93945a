"""Every house rule finds what it must, leaves the rest alone, and is kept by the code."""

from functools import cache
from pathlib import Path

import pytest

from tests.structure import rules
from tests.structure.rules import EVERYWHERE, IN_THE_PRODUCT, Finding, Rule, Source

pytestmark = pytest.mark.no_cover  # runs nothing of the product

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = sorted((ROOT / "broker").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

CLOCKS = {"broker/clock.py", "broker/lab/clock.py"}
"""The only files that ask the machine for the time."""

REVEALING = {
    "broker/audit/fingerprint.py": "the ticket is hashed with the fingerprint key",
    "broker/audit/keys.py": "the key signs the log",
    "broker/cli/ticket.py": "the ticket goes to the operator who asked, or into a 0600 file",
    "broker/client/cim.py": "the ticket is CIM's user and password",
    "broker/client/http.py": "the access token goes into the Authorization header",
    "broker/client/tokens.py": "the key signs the assertion, the secret goes into the Authorization header",
    "broker/http/issued.py": "the ticket is the answer",
    "broker/http/limits.py": "the URL of Redis, password inside, goes to the limits library",
    "broker/http/oauth/client_secret.py": "the presented secret is hashed",
    "broker/http/oauth/keys.py": "the signing key is read",
    "broker/http/oauth/server.py": "the access token is the answer",
    "broker/http/oauth/tokens.py": "the presented token is verified",
    "broker/http/redis_url.py": "the URL is held against its grammar before a library reads it",
    "broker/store/engines/postgresql/dialling.py": "the password goes to PostgreSQL",
    "broker/vsphere/login.py": "the password goes to vCenter, and into the latch's digest",
}
"""The only files that unwrap a secret, and what for."""

EXCEPTIONS: dict[Rule, set[str]] = {
    rules.time_comes_from_a_clock: CLOCKS,
    rules.secrets_are_not_revealed: set(REVEALING) | {"broker/model/secret.py"},
}

EXAMPLES: dict[Rule, tuple[tuple[str, ...], tuple[str, ...]]] = {
    rules.no_way_around_tls: (
        (
            "from pyVim.connect import SmartConnect",
            "connect.SmartConnect(host)",
            "ssl._create_unverified_context()",
            "context.verify_mode = ssl.CERT_NONE",
            "context.check_hostname = False",
            "Adapter(serverPemCert=pem)",
            "session.get(url, verify=False)",
            "WBEMConnection(url, no_verification=True)",
        ),
        (
            "context = ssl.create_default_context(cafile=path)",
            "context.check_hostname = True",
            "session.verify = path",
            "'CERT_NONE'",
        ),
    ),
    rules.no_pinning_by_pyvmomi: (
        ("SoapStubAdapter(host, thumbprint=pin)", "connect.Connect(host, thumbprint=pin)"),
        ("VcenterTicket(thumbprint=ticket.sslThumbprint)", "SoapStubAdapter(host, sslContext=context)"),
    ),
    rules.environment_does_not_choose_trust: (
        ("requests.get(url)", "session = requests.Session()", "connection = WBEMConnection(url)"),
        (
            "session = requests.Session()\nsession.trust_env = False",
            "connection = WBEMConnection(url)\nconnection.session.trust_env = False",
            "requests.Request('GET', url)",
        ),
    ),
    rules.time_comes_from_a_clock: (
        (
            "time.time()",
            "datetime.now(UTC)",
            "datetime.datetime.now()",
            "from time import time",
            "date.today()",
        ),
        ("clock.now()", "time.monotonic()", "datetime.fromisoformat(text)", "self._clock.now()"),
    ),
    rules.log_calls_take_arguments: (
        (
            "log.info(f'got {x}')",
            "self._log.error('got %s' % x)",
            "logging.getLogger(__name__).warning('got {}'.format(x))",
            "logger.log(level, f'got {x}')",
        ),
        (
            "log.info('got %s', x)",
            "logger.log(level, 'got %s', x)",
            "click.echo(f'got {x}')",
            "math.log(1 + x)",
        ),
    ),
    rules.broad_excepts_say_why: (
        (
            "try: f()\nexcept Exception:\n    pass",
            "try: f()\nexcept:\n    pass",
            "try: f()\nexcept Exception:  # noqa: BLE001\n    pass",
            "try: f()\nexcept (ValueError, BaseException):\n    g()",
        ),
        (
            "try: f()\nexcept Exception:  # one failed beat must not end the beat\n    pass",
            "try: f()\nexcept BaseException:\n    close()\n    raise",
            "try: f()\nexcept ValueError:\n    pass",
        ),
    ),
    rules.secrets_are_not_revealed: (("password.reveal()",), ("str(password)", "reveal(password)")),
}


def examples(which: int) -> list[tuple[Rule, str]]:
    return [(rule, text) for rule, pair in EXAMPLES.items() for text in pair[which]]


@pytest.mark.parametrize(("rule", "text"), examples(0))
def test_a_rule_finds_what_breaks_it(rule: Rule, text: str) -> None:
    assert list(rule(Source.of(text)))


@pytest.mark.parametrize(("rule", "text"), examples(1))
def test_a_rule_leaves_alone_what_keeps_it(rule: Rule, text: str) -> None:
    assert list(rule(Source.of(text))) == []


def test_every_rule_has_examples() -> None:
    assert set(EXAMPLES) == {*EVERYWHERE, *IN_THE_PRODUCT}


@pytest.mark.parametrize("rule", EVERYWHERE, ids=lambda rule: rule.__name__)
def test_all_code_keeps(rule: Rule) -> None:
    assert findings(rule, [*PRODUCT, *TESTS]) == []


@pytest.mark.parametrize("rule", IN_THE_PRODUCT, ids=lambda rule: rule.__name__)
def test_the_product_keeps(rule: Rule) -> None:
    assert findings(rule, PRODUCT) == []


def test_every_file_listed_as_revealing_still_reveals() -> None:
    idle = [name for name in REVEALING if not _finds(rules.secrets_are_not_revealed, ROOT / name)]
    assert idle == []


def findings(rule: Rule, files: list[Path]) -> list[str]:
    excepted = EXCEPTIONS.get(rule, set())
    kept = [file for file in files if file.relative_to(ROOT).as_posix() not in excepted]
    return [
        f"{file.relative_to(ROOT)}:{line}: {problem}" for file in kept for line, problem in _finds(rule, file)
    ]


def _finds(rule: Rule, file: Path) -> list[Finding]:
    return list(rule(_source(file)))


@cache
def _source(file: Path) -> Source:
    return Source.of(file.read_text())
