"""The policy as it was written: every entry that fits its model, with where it stands."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar

from pydantic import BaseModel

from broker.errors import InvalidName
from broker.model.names import parse_id
from broker.policy.documents import read_document
from broker.policy.files import AccountEntry, AppEntry, GrantEntry, TemplateFile, VcenterEntry
from broker.policy.inline import note_inline_secrets
from broker.policy.nodes import Document, Entry, KeyPath, MapNode, key_text
from broker.policy.problems import WHOLE_FILE, Problems
from broker.policy.settings_files import ServerFile
from broker.policy.validation import unknown_key_advice, validated

Body = TypeVar("Body", bound=BaseModel)

SERVER = "server.yaml"


@dataclass(frozen=True, slots=True)
class Written(Generic[Body]):
    """One entry that fits its model."""

    id: str
    document: Document
    path: KeyPath
    body: Body

    def note(self, problems: Problems, key: KeyPath, problem: str, advice: str) -> None:
        """Note a problem with one key of the entry."""
        where = (*self.path, *key)
        line = self.document.line_of(where)
        problems.note(self.document.file, line, key_text(where) or WHOLE_FILE, problem, advice)

    def beside(self, path: str) -> Path:
        """A path in the entry: relative ones start at the folder of its file."""
        return self.document.file.parent / path


@dataclass(frozen=True, slots=True)
class Section(Generic[Body]):
    """All entries of one kind, in the order of the file.

    `ids` are all that stand there, whether their entries fit or not; None when that cannot be
    known, so that one broken file is not told once more for each reference to it.
    """

    ids: frozenset[str] | None
    entries: Mapping[str, Written[Body]]
    raw: tuple[tuple[Document, KeyPath, MapNode], ...]
    """Every entry as it stands there: its document, its path, its keys."""

    def has(self, entry_id: str) -> bool:
        """Whether a reference to this id leads somewhere, as far as can be known."""
        return self.ids is None or entry_id in self.ids

    @property
    def complete(self) -> bool:
        """Whether every entry that stands there fits its model."""
        return self.ids is not None and self.ids == self.entries.keys()

    def __iter__(self) -> Iterator[Written[Body]]:
        return iter(self.entries.values())


@dataclass(frozen=True, slots=True)
class WrittenPolicy:
    """Everything that the policy is compiled from."""

    server: Written[ServerFile] | None
    vcenters: Section[VcenterEntry]
    accounts: Section[AccountEntry]
    apps: Section[AppEntry]
    templates: Section[TemplateFile]
    grants: Section[GrantEntry]


def read_policy(directory: Path, problems: Problems) -> WrittenPolicy:
    """Read every file of the policy. What is wrong is noted in `problems`."""
    server = read_whole(directory / SERVER, ServerFile, problems)
    return WrittenPolicy(
        server=server,
        vcenters=read_section(directory, "vcenters", VcenterEntry, problems),
        accounts=read_section(directory, "accounts", AccountEntry, problems),
        apps=read_section(directory, "apps", AppEntry, problems),
        templates=_read_templates(server, problems),
        grants=read_section(directory, "grants", GrantEntry, problems),
    )


def read_whole(file: Path, model: type[Body], problems: Problems) -> Written[Body] | None:
    """A file that is one entry; its id is the file's name without suffix."""
    document = _read(file, problems)
    if document is None:
        return None
    body = validated(document, (), document.root, model, problems)
    return Written(file.stem, document, (), body) if body else None


def read_section(directory: Path, name: str, model: type[Body], problems: Problems) -> Section[Body]:
    """`<name>.yaml`: one key `<name>`, below it a mapping of ids to entries."""
    document = _read(directory / f"{name}.yaml", problems)
    if document is None:
        return _unknown()
    for key, entry in document.root.entries.items():
        if key != name:
            advice = unknown_key_advice(key, (name,))
            problems.note(document.file, entry.line, key_text((key,)), "is not a known key", advice)
    top = document.root.entries.get(name)
    if top is None or not isinstance(top.node, MapNode):
        problem = "is missing" if top is None else "is not a mapping of ids"
        line = document.line_of((name,))
        problems.note(
            document.file, line, name, problem, f"Write `{name}:` and the entries below it, or {{}}"
        )
        return _unknown()
    return _section(document, name, top.node, model, problems)


def _section(
    document: Document, name: str, node: MapNode, model: type[Body], problems: Problems
) -> Section[Body]:
    entries = {}
    for entry_id, entry in node.entries.items():
        path = (name, entry_id)
        body = validated(document, path, entry.node, model, problems)
        if _is_id(document, path, entry, problems) and body is not None:
            entries[entry_id] = Written(entry_id, document, path, body)
    raw = tuple(
        (document, (name, entry_id), entry.node)
        for entry_id, entry in node.entries.items()
        if isinstance(entry.node, MapNode)
    )
    return Section(frozenset(node.entries), MappingProxyType(entries), raw)


def _is_id(document: Document, path: KeyPath, entry: Entry, problems: Problems) -> bool:
    try:
        parse_id(str(path[-1]), "id")
    except InvalidName as error:
        problems.note(document.file, entry.line, key_text(path), "is not an id", f"Use {error.grammar}")
        return False
    return True


def _read_templates(server: Written[ServerFile] | None, problems: Problems) -> Section[TemplateFile]:
    if server is None:
        return _unknown()
    folder = Path(os.path.realpath(server.beside(server.body.roles)))
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix in {".yaml", ".yml"})
    except OSError as error:
        server.note(
            problems, ("roles",), f"cannot be read: {error.strerror}", "Name the folder of the templates"
        )
        return _unknown()
    if not files:
        server.note(problems, ("roles",), "is a folder without templates", "Put a template there")
    entries = {}
    for file in files:
        template = _read_template(file, problems)
        if template is not None:
            entries[template.id] = template
    return Section(frozenset(file.stem for file in files), MappingProxyType(entries), ())


def _read_template(file: Path, problems: Problems) -> Written[TemplateFile] | None:
    if file.suffix != ".yaml":
        problems.note(
            file, 1, WHOLE_FILE, "is not read, for its suffix", "Rename it to end in .yaml, or remove it"
        )
        return None
    template = read_whole(file, TemplateFile, problems)
    if template is not None and template.body.name != file.stem:
        template.note(problems, ("name",), "is not the file's name", "Name the file <name>.yaml")
    return template


def _read(file: Path, problems: Problems) -> Document | None:
    document = read_document(file, problems)
    if document is not None:
        note_inline_secrets(document, problems)
    return document


def _unknown() -> Section[Body]:
    return Section(None, MappingProxyType({}), ())
