"""House rules that no linter knows, as functions of one parsed file.

Each yields (line, what is wrong). test_house_rules.py holds every rule to examples that it must
find and examples that it must leave alone, then holds the code to every rule.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

Finding = tuple[int, str]

BANNED_NAMES = {
    "SmartConnect": "pyVim skips verification for localhost and with disableSslCertValidation",
    "_create_unverified_context": "TLS is verified everywhere",
    "CERT_NONE": "TLS is verified everywhere",
    "utcnow": "gives a naive time; take a Clock",
}
BANNED_KEYWORDS = {
    "serverPemCert": "pyVmomi's pinning turns verification off for good",
    "disableSslCertValidation": "TLS is verified everywhere",
    "no_verification": "TLS is verified everywhere",
    "disable_warnings": "TLS is verified everywhere",
}
FALSE_KEYWORDS = {"check_hostname", "verify", "verify_mode"}
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


@dataclass(frozen=True)
class Source:
    """One file: its tree and its lines."""

    tree: ast.Module
    lines: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Source":
        return cls(ast.parse(text), tuple(text.splitlines()))

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))


def no_way_around_tls(source: Source) -> Iterator[Finding]:
    """No name, keyword or assignment that turns verification off."""
    for node in source.nodes(ast.Name, ast.Attribute, ast.alias, ast.keyword, ast.Assign):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) if name in BANNED_NAMES:
                yield node.lineno, f"{name}: {BANNED_NAMES[name]}"
            case ast.keyword(arg=str(name)) if name in BANNED_KEYWORDS:
                yield node.value.lineno, f"{name}=: {BANNED_KEYWORDS[name]}"
            case ast.keyword(arg=str(name), value=ast.Constant(value=False)) if name in FALSE_KEYWORDS:
                yield node.value.lineno, f"{name}=False: TLS is verified everywhere"
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=ast.Constant(value=False)) if (
                name in FALSE_KEYWORDS
            ):
                yield node.lineno, f"{name} = False: TLS is verified everywhere"


def no_pinning_by_pyvmomi(source: Source) -> Iterator[Finding]:
    """`thumbprint=` is for our own values; handed to a pyVmomi stub it turns verification off."""
    for node in source.nodes(ast.Call):
        if isinstance(node, ast.Call) and _name_of(node.func).endswith(("Stub", "StubAdapter", "Connect")):
            for keyword in node.keywords:
                if keyword.arg in {"thumbprint", "serverPemCert"}:
                    yield node.lineno, f"{keyword.arg}=: pyVmomi's pinning turns verification off for good"


def environment_does_not_choose_trust(source: Source) -> Iterator[Finding]:
    """requests and pywbem let REQUESTS_CA_BUNDLE and proxies in, unless `trust_env` is off."""
    distrusts = any(
        isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Attribute) and target.attr == "trust_env" for target in node.targets)
        for node in source.nodes(ast.Assign)
    )
    for node in source.nodes(ast.Call):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if re.fullmatch(r"requests\.(get|post|put|patch|delete|head|request)", name):
            yield node.lineno, f"{name}(): use a session whose trust_env is False"
        if name in {"requests.Session", "WBEMConnection", "pywbem.WBEMConnection"} and not distrusts:
            yield node.lineno, f"{name}() without trust_env = False"


def time_comes_from_a_clock(source: Source) -> Iterator[Finding]:
    """Nobody asks the machine for the time but the clocks."""
    for node in source.nodes(ast.Attribute, ast.ImportFrom):
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if re.fullmatch(r"(.*\.)?(time\.time(_ns)?|datetime\.(now|today)|date\.today)", name):
                yield node.lineno, f"{name}: take a Clock"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            for alias in node.names:
                if alias.name in {"time", "time_ns"}:
                    yield node.lineno, f"from time import {alias.name}: take a Clock"


def log_calls_take_arguments(source: Source) -> Iterator[Finding]:
    """A log call's text is a constant, so that nothing is put into words before it is wanted."""
    for node in source.nodes(ast.Call):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr not in LOG_METHODS or "log" not in _name_of(node.func.value).lower():
            continue
        text = node.args[1:2] if node.func.attr == "log" else node.args[:1]
        if any(isinstance(one, ast.JoinedStr | ast.BinOp | ast.Call) for one in text):
            yield node.lineno, "a log call takes a constant text and its values as arguments"


def broad_excepts_say_why(source: Source) -> Iterator[Finding]:
    """What catches everything gives its reason on its line, unless it raises it again."""
    for node in source.nodes(ast.ExceptHandler):
        if not isinstance(node, ast.ExceptHandler) or not _is_broad(node.type):
            continue
        comment = re.sub(r"noqa:\s*[A-Z]+\d+", "", source.lines[node.lineno - 1].partition("#")[2])
        if not re.search(r"\w", comment) and not _raises_again(node):
            yield node.lineno, "a broad except says on its line why"


def secrets_are_not_revealed(source: Source) -> Iterator[Finding]:
    """`.reveal()` stands in the listed files only."""
    for node in source.nodes(ast.Attribute):
        if isinstance(node, ast.Attribute) and node.attr == "reveal":
            yield node.lineno, ".reveal() outside the files listed in REVEALING"


Rule = Callable[[Source], Iterable[Finding]]

EVERYWHERE: tuple[Rule, ...] = (no_way_around_tls, no_pinning_by_pyvmomi, broad_excepts_say_why)
IN_THE_PRODUCT: tuple[Rule, ...] = (
    environment_does_not_choose_trust,
    time_comes_from_a_clock,
    log_calls_take_arguments,
    secrets_are_not_revealed,
)


def _name_of(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=function):
            return _name_of(function)
        case _:
            return ""


def _is_broad(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    members = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(_name_of(member) in {"Exception", "BaseException"} for member in members)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None
