"""`broker roles explain`: why an app gets a ticket for a host, or why not. On the controller's machine."""

from dataclasses import asdict
from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.output import format_option
from broker.cli.places import controller_option
from broker.console import Format, show_json
from broker.controller.looking import explain_from, explain_issuance_from
from broker.explain.explanation import Explanation, GrantVerdict, Past, Question, State, Verdict
from broker.model.names import AppId, GrantId, VcenterId, parse_host_name, parse_id, parse_issuance_id
from broker.texts import printable

_MARKS = {State.PASSED: "+", State.REFUSED: "!", State.NOT_KNOWN: "?", State.NOT_REACHED: " "}


@click.command("explain", short_help="Say why an app gets a ticket for HOST, or why not.")
@click.argument("host", required=False)
@click.option("--app", help="Who asks.")
@click.option("--vcenter", help="Which vCenter the request names, if any.")
@click.option("--grant", help="Which grant the request names, if any.")
@click.option(
    "--issuance", help="In place of HOST and --app: the id of an answer, whose request is asked anew."
)
@controller_option
@format_option
@click.pass_context
def command(
    ctx: click.Context,
    host: str | None,
    app: str | None,
    vcenter: str | None,
    grant: str | None,
    issuance: str | None,
    file: Path,
    output_format: str,
) -> None:
    """Say why an app gets a ticket for HOST, or why not and what would have to change.

    It is decided by the files as they are now, by the very code that decides on requests; hosts and the
    accounts' privileges are read with the controller's session. Nothing is issued, recorded or changed.
    Exit 0 where a ticket would be issued, 4 where not.
    """
    past, explanation = _explained(host, app, vcenter, grant, issuance, file)
    if output_format == Format.JSON:
        show_json(_plain(past, explanation))
    else:
        _tell(past, explanation)
    refused = explanation is None or explanation.verdict.reason is not None
    ctx.exit(Exit.REFUSED if refused else Exit.DONE)


def _explained(
    host: str | None,
    app: str | None,
    vcenter: str | None,
    grant: str | None,
    issuance: str | None,
    file: Path,
) -> tuple[Past | None, Explanation | None]:
    if issuance is not None:
        if any((host, app, vcenter, grant)):
            raise click.UsageError("--issuance says it all: name nothing beside it")
        return explain_issuance_from(file, parse_issuance_id(issuance))
    if host is None or app is None:
        raise click.UsageError("name HOST and --app, or --issuance")
    question = Question(
        app=AppId(parse_id(app, "app")),
        host=parse_host_name(host),
        vcenter=VcenterId(parse_id(vcenter, "vcenter")) if vcenter else None,
        grant=GrantId(parse_id(grant, "grant")) if grant else None,
    )
    return None, explain_from(file, question)


def _plain(past: Past | None, explanation: Explanation | None) -> dict[str, object]:
    told = None if explanation is None else asdict(explanation)
    return {"issuance": None if past is None else asdict(past), "explanation": told}


def _tell(past: Past | None, explanation: Explanation | None) -> None:
    if past is not None:
        _tell_past(past)
    if explanation is not None:
        if past is not None:
            changed = past.policy_revision != explanation.policy_revision
            click.echo(f"today, {'by another policy' if changed else 'by the same policy'}:")
        _tell_today(explanation)


def _tell_past(past: Past) -> None:
    reason = f"{past.reason}: {past.detail}" if past.detail else past.reason or ""
    who = f" of {past.app}" if past.app else ""
    what = f" for {past.host}" if past.host else ""
    click.echo(printable(f"{past.issuance}{who}{what}, {past.at}: {past.event} {reason}".rstrip()))


def _tell_today(explanation: Explanation) -> None:
    asked = explanation.question
    click.echo(printable(f"{asked.app} for {asked.host}: {_verdict(explanation.verdict)}"))
    for advice in explanation.advice:
        click.echo(printable(f"  -> {advice}"))
    click.echo()
    for place in explanation.places:
        click.echo(
            printable(f"  the host is {place.moid} on {place.vcenter}: {place.path or 'outside the tree'}")
        )
    if not explanation.places:
        click.echo("  the controller finds no such host where the app's grants are")
    for step in explanation.steps:
        text = step.text if step.state in (State.PASSED, State.REFUSED) else f"({step.state}) {step.text}"
        click.echo(printable(f"  {_MARKS[step.state]} {step.stop:<15} {text}").rstrip())
    if explanation.grants:
        click.echo(f"\ngrants of {asked.app}, each by itself:")
    for grant in explanation.grants:
        _tell_grant(grant)
    click.echo()
    for note in explanation.notes:
        click.echo(note)


def _tell_grant(grant: GrantVerdict) -> None:
    mark = "+" if grant.verdict.reason is None else "!"
    applied = f"applied {grant.applied_at:%Y-%m-%d}" if grant.applied_at else "never applied"
    names = {True: "names the host", False: "does not name the host", None: "could not be looked at"}
    facts = f"{applied}; its scope {names[grant.names_host]}: {', '.join(grant.scope)}"
    click.echo(printable(f"  {mark} {grant.grant} ({grant.template}, as {grant.account}): {facts}"))
    if grant.verdict.reason is not None:
        click.echo(printable(f"      {_verdict(grant.verdict)}"))


def _verdict(verdict: Verdict) -> str:
    if verdict.reason is None:
        return f"a ticket, under grant {verdict.grant} (template {verdict.template}, as {verdict.account})"
    return f"no ticket: {verdict.reason}" + (f" ({verdict.detail})" if verdict.detail else "")
