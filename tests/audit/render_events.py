"""Render docs/events.md from the catalogue: `python -m tests.audit.render_events > docs/events.md`."""

from broker.audit.catalogue import CATALOGUE, FIELDS, EventFacts

_HEAD = """# Events of the audit log

Every record is one line of JSON: keys sorted, UTF-8, no floats. Around its `fields` stand

| Key | Meaning |
| --- | --- |
| `v` | Version of this form: 1 |
| `id` | UUIDv7 of the record |
| `event`, `code` | What happened, as below. A code ends in I for information, W for warning, E for error |
| `ts` | When, in UTC with milliseconds. Order is the order of the log, not of clocks |
| `boot`, `node` | The run of the process, and the machine |

Texts from outside are cleaned of control and invisible characters (U+FFFD stands for each) and
clipped, with the number of characters left out. A field in brackets is there where it is known.

| Code | Event | Meaning | Fields |
| --- | --- | --- | --- |
"""


def rendered() -> str:
    """The reference page of events."""
    events = [
        f"| `{event.value}` | `{event.name.lower()}` | {facts.meaning} | {_fields(facts)} |"
        for event, facts in CATALOGUE.items()
    ]
    fields = [f"| `{name}` | {meaning} |" for name, meaning in FIELDS.items()]
    head = ["", "## Fields", "", "| Field | Meaning |", "| --- | --- |"]
    return _HEAD + "\n".join([*events, *head, *fields]) + "\n"


def _fields(facts: EventFacts) -> str:
    optional = [f"[`{name}`]" for name in facts.optional]
    return ", ".join([*(f"`{name}`" for name in facts.fields), *optional])


if __name__ == "__main__":
    print(rendered(), end="")
