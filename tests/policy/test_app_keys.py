"""Public keys of apps: of the type of their algorithm, long enough, public, and each of one app only."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from broker.model.names import AppId
from broker.model.policy import PublicKey
from broker.policy.load import load_policy
from tests.support.policy_files import PolicyFiles, PrivateKey, private_pem, public_pem
from tests.support.policy_problems import Found, policy_problems

P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()
RSA_2048 = rsa.generate_private_key(65537, 2048)
RSA_1024 = rsa.generate_private_key(65537, 1024)

SECOND = """\
  icinga:
    description: Sensors too
    owner: network team
    scopes: [tickets]
"""


def keys_text(*keys: tuple[str, str, str]) -> str:
    lines = ["    keys:\n"]
    for key_id, algorithm, pem in keys:
        lines += [f"      - id: {key_id}\n", f"        algorithm: {algorithm}\n", "        pem: |\n"]
        lines += [f"          {line}\n" for line in pem.splitlines()]
    return "".join(lines)


@pytest.mark.parametrize(
    ("algorithm", "key"), [("ES256", P256), ("Ed25519", ED25519), ("RS256", RSA_2048), ("PS256", RSA_2048)]
)
def test_a_key_of_its_algorithm_is_taken(files: PolicyFiles, algorithm: str, key: PrivateKey) -> None:
    files.add("apps.yaml", keys_text(("k1", algorithm, public_pem(key))))
    assert load_policy(files.folder).apps[AppId("nagios")].keys == (
        PublicKey("k1", algorithm, public_pem(key)),
    )


@pytest.mark.parametrize(
    ("algorithm", "key", "expected"),
    [
        ("ES256", P384, "an EC key on P-256"),
        ("ES256", RSA_2048, "an EC key on P-256"),
        ("Ed25519", P256, "an Ed25519 key"),
        ("RS256", ED25519, "an RSA key of 2048 to 8192 bits"),
        ("RS256", RSA_1024, "an RSA key of 2048 to 8192 bits"),
        ("PS256", RSA_1024, "an RSA key of 2048 to 8192 bits"),
    ],
)
def test_a_key_of_another_type_or_too_short_is_refused(
    files: PolicyFiles, algorithm: str, key: PrivateKey, expected: str
) -> None:
    files.add("apps.yaml", keys_text(("k1", algorithm, public_pem(key))))
    assert policy_problems(files.folder) == [
        Found("apps.yaml", 9, "apps.nagios.keys[0].pem", f"is not {expected}")
    ]


@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES384", "es256", "EdDSA", ""])
def test_an_algorithm_outside_the_closed_set_is_refused(files: PolicyFiles, algorithm: str) -> None:
    files.add("apps.yaml", keys_text(("k1", f"'{algorithm}'", public_pem(P256))))
    assert policy_problems(files.folder) == [
        Found("apps.yaml", 8, "apps.nagios.keys[0].algorithm", "is not one of the known values")
    ]


def test_a_private_key_is_refused_and_not_shown(files: PolicyFiles) -> None:
    files.add("apps.yaml", keys_text(("k1", "ES256", private_pem(P256))))
    assert policy_problems(files.folder) == [
        Found("apps.yaml", 9, "apps.nagios.keys[0].pem", "is a private key")
    ]


def test_a_file_with_a_private_key_is_refused(files: PolicyFiles) -> None:
    files.put("nagios.pem", private_pem(P256))
    files.add("apps.yaml", "    keys: [{id: k1, algorithm: ES256, file: nagios.pem}]\n")
    assert policy_problems(files.folder) == [
        Found("apps.yaml", 6, "apps.nagios.keys[0].file", "is a private key")
    ]


def test_a_key_may_stand_in_a_file_beside(files: PolicyFiles) -> None:
    files.put("nagios.pem", public_pem(P256))
    files.add("apps.yaml", "    keys: [{id: k1, algorithm: ES256, file: nagios.pem}]\n")
    (key,) = load_policy(files.folder).apps[AppId("nagios")].keys
    assert key == PublicKey("k1", "ES256", public_pem(P256))


def test_a_missing_key_file_is_an_error(files: PolicyFiles) -> None:
    files.add("apps.yaml", "    keys: [{id: k1, algorithm: ES256, file: nagios.pem}]\n")
    assert policy_problems(files.folder) == [
        Found("nagios.pem", 1, "(file)", "cannot be read: No such file or directory")
    ]


def _without_middle(pem: str) -> str:
    lines = pem.splitlines()
    return "\n".join((lines[0], "AAAA", lines[-1]))


@pytest.mark.parametrize(
    "pem",
    [
        "words",
        public_pem(P256) + public_pem(P384),
        _without_middle(public_pem(P256)),
        RSA_2048.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode(),
        public_pem(P256).replace("PUBLIC KEY", "CERTIFICATE"),
    ],
    ids=["words", "two keys", "broken", "PKCS #1", "another label"],
)
def test_what_is_not_one_public_key_is_refused(files: PolicyFiles, pem: str) -> None:
    files.add("apps.yaml", keys_text(("k1", "ES256", pem)))
    assert policy_problems(files.folder) == [
        Found("apps.yaml", 9, "apps.nagios.keys[0].pem", "is not one public key in PEM")
    ]


@pytest.mark.parametrize("sources", ["", ", pem: a, file: b"])
def test_a_key_needs_one_source(files: PolicyFiles, sources: str) -> None:
    files.add("apps.yaml", f"    keys: [{{id: k1, algorithm: ES256{sources}}}]\n")
    assert policy_problems(files.folder) == [
        Found("apps.yaml", 6, "apps.nagios.keys[0]", "needs its public key once")
    ]


def test_one_key_of_two_apps_is_an_error(files: PolicyFiles) -> None:
    files.add("apps.yaml", keys_text(("k1", "ES256", public_pem(P256))))
    files.add("apps.yaml", SECOND + keys_text(("k2", "ES256", public_pem(P256))))
    assert policy_problems(files.folder) == [
        Found("apps.yaml", 19, "apps.icinga.keys[0]", "is nagios's k1 again")
    ]


def test_one_key_under_two_ids_is_an_error(files: PolicyFiles) -> None:
    rsa_pem = public_pem(RSA_2048)
    files.add("apps.yaml", keys_text(("k1", "RS256", rsa_pem), ("k2", "PS256", rsa_pem)))
    assert [(p.key, p.problem) for p in policy_problems(files.folder)] == [
        ("apps.nagios.keys[1]", "is nagios's k1 again")
    ]


def test_two_keys_with_one_id_are_an_error(files: PolicyFiles) -> None:
    files.add(
        "apps.yaml", keys_text(("k1", "ES256", public_pem(P256)), ("K1", "Ed25519", public_pem(ED25519)))
    )
    assert policy_problems(files.folder) == [
        Found("apps.yaml", 6, "apps.nagios.keys", "names something twice")
    ]


def test_keys_are_sorted_by_their_id(files: PolicyFiles) -> None:
    files.add(
        "apps.yaml", keys_text(("k2", "ES256", public_pem(P256)), ("k1", "Ed25519", public_pem(ED25519)))
    )
    assert [key.key_id for key in load_policy(files.folder).apps[AppId("nagios")].keys] == ["k1", "k2"]


@pytest.mark.parametrize("key_id", ["a b", "a/b", "../k", "é", "x" * 65])
def test_a_key_id_outside_its_grammar_is_refused(files: PolicyFiles, key_id: str) -> None:
    files.add("apps.yaml", keys_text((key_id, "ES256", public_pem(P256))))
    assert policy_problems(files.folder) == [
        Found("apps.yaml", 7, "apps.nagios.keys[0].id", "is not a key id")
    ]
