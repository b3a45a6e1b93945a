"""Where in the policy's files something stands, for whoever is told to change it."""

from broker.model.names import GrantId, TemplateId
from broker.policy.nodes import KeyPath
from broker.policy.written import Body, Written, WrittenPolicy


class Places:
    """Files and lines of a policy."""

    def __init__(self, written: WrittenPolicy) -> None:
        self._written = written

    def privilege(self, template: TemplateId, privilege: str) -> str:
        """The line of the privilege in its template, or of the list that it would stand in."""
        entry = self._written.templates.entries.get(template)
        if entry is None:
            return f"template {template}"
        ids = [each.id for each in entry.body.privileges]
        return _line(entry, ("privileges", ids.index(privilege)) if privilege in ids else ("privileges",))

    def scope(self, grant: GrantId, path: str) -> str:
        """The line of the path in the scope of its grant."""
        entry = self._written.grants.entries.get(grant)
        if entry is None:
            return f"grant {grant}"
        scope = list(entry.body.scope)
        return _line(entry, ("scope", scope.index(path)) if path in scope else ("scope",))


def _line(entry: Written[Body], key: KeyPath) -> str:
    document = entry.document
    return f"{document.file}:{document.line_of((*entry.path, *key))}"
