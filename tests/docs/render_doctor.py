"""Render docs/doctor.md from the catalogue: `python -m tests.docs.render_doctor > docs/doctor.md`."""

from broker.doctor.catalogue import CATALOGUE

_INTRODUCTION = """\
# What `broker doctor` finds

`broker doctor` runs on the controller's machine, with its file. It looks at each vCenter, at the
controller's account, at each low-privilege account, and at the hosts that grants are for (`--host` names
others); it changes nothing in vCenter. `--format json` gives the findings as one object, with all that a
finding is about under `facts`. Exit code 0 is no finding that is an error, 1 is one, 5 a vCenter that could
not be looked at, or not to the end.

An `error` means that tickets are refused, or that an account may do more than it should; a `warning` works
and should not stay so; an `info` is worth knowing, or cannot be known from here.

No account's password is tried unless `--log-in` asks for it: once for each account, under the same latch as
every log-in of the broker, so a refused password is not tried again by anybody, and counts once toward
vCenter's lock. Wrong, expired and locked look alike to whoever logs in, and only then.

| Id | Severity | Finding | What to do |
| --- | --- | --- | --- |
"""


def rendered() -> str:
    """The reference page of the findings."""
    rows = [
        f'| <a id="{check}"></a>`{check}` | {entry.severity} | {entry.title} | {entry.advice} |'
        for check, entry in CATALOGUE.items()
    ]
    return _INTRODUCTION + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(rendered(), end="")
