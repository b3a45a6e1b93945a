"""Secrets written into a file where only a reference may stand. What they are is never said."""

import re

from broker.policy.nodes import Document, Node, ScalarNode, key_text
from broker.policy.problems import Problems

_SECRET_KEY = re.compile(
    r"password|passwd|passphrase|passcode|(?:^|_)pwd|(?:^|_)pw|secret|token|private_?key|api_?key|shared_?key"
)
_PRIVATE_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY", re.IGNORECASE)
_ADVICE = "Write {file: PATH}, {credential: NAME} or {variable: NAME} in its place, and change the secret"


def note_inline_secrets(document: Document, problems: Problems) -> None:
    """Note every value that is a secret by its key's name or by its form."""
    for path, node in document.nodes():
        name = next((step for step in reversed(path) if isinstance(step, str)), "")
        if _is_private_key(node):
            problem = "is a private key"
        elif _SECRET_KEY.search(name.lower().replace("-", "_")) and _is_written_out(node):
            problem = "is a secret written inline"
        else:
            continue
        advice = _ADVICE_IN_APPS if path[0] == "apps" else _ADVICE
        problems.note(document.file, document.line_of(path), key_text(path), problem, advice)


_ADVICE_IN_APPS = (
    "Remove it, and change it: an app has public keys here, and its secret from `broker apps add`"
)


def _is_private_key(node: Node) -> bool:
    return (
        isinstance(node, ScalarNode) and isinstance(node.value, str) and bool(_PRIVATE_PEM.search(node.value))
    )


def _is_written_out(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value is not None and not isinstance(node.value, bool)
