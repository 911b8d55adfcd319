"""The command `findings`: lists what runs found that somebody should know, and accepts one."""

import sys

import click

from flows.command.console.output import echo
from flows.command.startup import load_settings, load_settings_to_read

_LIST = "FROM findings {which} ORDER BY state <> 'open', list_position(['error', 'warning', 'note'], level), number"


@click.group(invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Also those that are settled or accepted.")
@click.option(
    "--format", "form", type=click.Choice(["text", "csv", "json"]), default="text", show_default=True
)
@click.pass_context
def findings(context: click.Context, everything: bool, form: str) -> None:
    """List what runs found that needs somebody; accept one.

    A finding stays open as long as what it says is so; each run looks. A webhook, the site and `reviews status` show
    the same.

    \b
    Examples:
      reviews findings
      reviews findings --all --format json
      reviews findings accept 12 --reason "the shop is closed in winter"
    """
    if context.invoked_subcommand is not None:
        return
    from tasks.findings.finding import KINDS
    from tasks.findings.recorded import make_findings
    from tasks.findings.rendering import describe_finding
    from tasks.queries.run_query import ask_published, write_answer
    from tasks.support.wording import escape_controls

    published = load_settings_to_read().home.published
    query = _LIST.format(which="" if everything else "WHERE state = 'open'")
    with ask_published(published) as ask:
        rows = ask(query)
    if form != "text":
        write_answer(published, query, form, sys.stdout)
        return
    if not rows:
        echo("No finding is open.")
    for row in rows:
        [finding] = make_findings([row])
        why = f" by {row['accepted_by']}: {row['reason']}" if row["state"] == "accepted" else ""
        state = "" if row["state"] == "open" else escape_controls(f"({row['state']}{why}) ")
        word = KINDS[finding.kind].word
        echo(f"{row['number']:>5}  {finding.level:<8} {word:<12} {state}{describe_finding(finding)}")


@findings.command("accept")
@click.argument("named", nargs=-1, required=True, metavar="NUMBER|KIND SUBJECT")
@click.option(
    "--reason", required=True, metavar="TEXT", help="Why it is right as it is: recorded, with your name."
)
def findings_accept(named: tuple[str, ...], reason: str) -> None:
    """Accept a finding: it is shown and told no more, unless its level changes.

    \b
    Examples:
      reviews findings accept 12 --reason "the shop is closed in winter"
      reviews findings accept late_source shop-a --reason "the shop is closed in winter"
    """
    from tasks.findings.recorded import accept_finding
    from tasks.warehouse.publishing import publish

    if len(named) > 2:
        raise click.UsageError("Name one finding, by its number or by its kind and subject.")
    home = load_settings().home
    accepted = accept_finding(home.warehouse, named, reason)
    publish(home)
    echo(f"Accepted: {accepted.kind} {accepted.subject}")
