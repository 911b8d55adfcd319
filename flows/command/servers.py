"""The commands of servers: up, down and status for Prefect's, and serve for scores of single texts."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from data_contracts.errors import ReviewsError, UsageError, WarehouseBusyError
from deployments.installation_paths import RUNBOOK
from flows.command.console.output import echo, echo_error
from flows.command.startup import load_settings, prepare_prefect
from tasks.support.wording import escape_controls, format_json

if TYPE_CHECKING:
    from deployments.settings import Settings

COMMIT_SECONDS = 1.0
"""How long the status waits for a run that commits: most take less."""


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The port to use instead of REVIEWS_PORT. [default: 4200]"
)
@click.option("--watch-inbox", is_flag=True, help="Score files as soon as they arrive.")
@click.option(
    "--detach", is_flag=True, help="Run in the background; return when it is ready. `reviews down` stops it."
)
@click.option(
    "--deploy-only",
    is_flag=True,
    help="Start nothing: create or update the work pool and the deployments on the server of PREFECT_API_URL.",
)
def up(port: int | None, watch_inbox: bool, detach: bool, deploy_only: bool) -> None:
    """Start a Prefect server, the deployments and a worker.

    The server is on 127.0.0.1, unless REVIEWS_HOST names another address. They run in the foreground until Ctrl-C,
    unless --detach is given. New files in the inbox are scored every 15 minutes (see prefect.yaml), or at once with
    --watch-inbox.

    With --deploy-only, for a server of your own or Prefect Cloud, `prefect --no-prompt deploy --all` is run in the
    project's folder, and nothing else.

    \b
    Examples:
      reviews up
      reviews up --detach --watch-inbox
      reviews --home /srv/reviews up --port 4300
      PREFECT_API_URL=http://prefect.example:4200/api reviews up --deploy-only
    """
    from dataclasses import replace

    from deployments.local_server.detached import start_detached
    from deployments.local_server.up import run_up

    settings = load_settings()
    if deploy_only:
        if port or watch_inbox or detach:
            raise UsageError("--deploy-only starts nothing. Next: leave out the other options.")
        prepare_prefect(may_start=False)
        from deployments.deploy import deploy_all

        deploy_all()
        *others, last = settings.deployments
        echo(f"The deployments {', '.join(others)} and {last} are up to date.")
        return
    settings = replace(settings, port=port or settings.port)
    if detach:
        start_detached(settings, echo, watch=watch_inbox)
    else:
        run_up(settings, echo, watch=watch_inbox)


@click.command()
@click.option("--now", is_flag=True, help="End active runs at once instead of waiting for them.")
def down(now: bool) -> None:
    """Stop what `reviews up` started, or left behind if killed.

    Active runs get REVIEWS_DRAIN_SECONDS (60) to end, and are then cancelled. The next run continues where a cancelled
    one stopped.
    """
    from deployments.local_server.stopping import bring_down

    echo(bring_down(load_settings(), echo, at_once=now))


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def status(form: str) -> None:
    """Show whether `reviews up` runs, and how the home is.

    Of each deployment it shows the current, last and next run. Of the home it shows, also if nothing is up: what the
    champion promised and holds, the findings that are open, runs that were killed, and what `reviews verify` has last
    found; the status reads no reviews, so it notices no damage to them by itself. The exit status is 0 if it is up and
    the home can be read, else 1.

    \b
    Examples:
      reviews status
      reviews status --format json | jq .deployments
    """
    try:
        settings = load_settings()
        server, trouble = _look_at_server(settings)
        home = _look_at_home(settings)
    except ReviewsError as error:
        if form == "json":
            echo(format_json({"is_up": False, "message": str(error)}))
            raise SystemExit(error.exit_status) from None
        raise
    if form == "json":
        echo(format_json({**server, **home}))
    else:
        if trouble is None:
            from deployments.local_server.status import describe_status

            echo(describe_status(server))
        else:
            echo_error(str(trouble))
        if lines := list(_describe_home(home)):
            echo(escape_controls("\n".join(lines), keep="\n"))
        echo(f"  runbook   {RUNBOOK}")
    if trouble is not None or home["trouble"] is not None:
        raise SystemExit(1 if trouble is None else trouble.exit_status)


def _look_at_server(settings: "Settings") -> tuple[dict[str, Any], ReviewsError | None]:
    """Return the state of the server of `reviews up`, and why there is none."""
    from deployments.local_server.running import require_running

    try:
        running = require_running(settings)
        prepare_prefect(may_start=False, only_own=True)
        from deployments.local_server.status import read_status

        return read_status(running, settings), None
    except ReviewsError as error:
        return {"is_up": False, "message": str(error)}, error


def _look_at_home(settings: "Settings") -> dict[str, Any]:
    """Return how a home is, whether its server is up or not; if its database can't be read, why.

    While a run commits, what the champion holds is of the published copy, and what only the database knows is left out.
    """
    from tasks.findings.recorded import LIST_OPEN, make_findings, read_findings
    from tasks.maintenance.verification import read_verified
    from tasks.training.champion_promise import find_standing
    from tasks.warehouse.database.warehouse_connection import open_warehouse
    from tasks.warehouse.published import open_published
    from tasks.warehouse.run_log import list_killed

    home = settings.home
    found: dict[str, Any] = {
        "verified": asdict(read_verified(home)) if home.warehouse.exists() else None,
        "champion": None,
        "killed": [],
        "is_committing": False,
        "findings": [],
        "trouble": None,
    }
    try:
        try:
            if home.readable.exists():
                with open_warehouse(home.readable, write=False, wait_seconds=COMMIT_SECONDS) as connection:
                    is_open = make_findings(read_findings(connection, LIST_OPEN))
                    found |= {"champion": find_standing(connection), "findings": [*map(asdict, is_open)]}
            return found | {"killed": list_killed(home, COMMIT_SECONDS)}
        except WarehouseBusyError:  # the copy does not know which runs go on
            if home.published.exists():
                with open_published(home.published) as connection:
                    found |= {"champion": find_standing(connection)}
            return found | {"is_committing": True}
    except ReviewsError as error:
        return found | {"trouble": str(error)}


def _describe_verified(verified: dict[str, Any]) -> str:
    """Describe what the last check has found: the status itself reads no reviews, so it sees no damage to them."""
    if not verified["checked_at"]:
        return "  verified  never: damage to the tables is not seen here. Next: reviews verify"
    at = _show_time(verified["checked_at"])
    if verified["broken"]:
        return f"  verify    failed at {at}: {'; '.join(verified['broken'])}. Next: reviews verify"
    return f"  verified  at {at}; damage since then is not seen here"


def _describe_home(home: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each thing to know of a home: its champion, what was found, killed or can't be read."""
    from tasks.findings.finding import Finding
    from tasks.findings.rendering import list_lines
    from tasks.training.champion_promise import describe_standing

    yield from describe_standing(home["champion"])
    if home["verified"]:
        yield _describe_verified(home["verified"])
    yield from list_lines([Finding(**each) for each in home["findings"]])
    for run in home["killed"]:
        started = _show_time(run["started_at"])
        yield f"  killed    the run of {run['flow']} of {started}; the next one goes on with what it left"
    if home["is_committing"]:
        yield (
            "  a run is committing, or another program has the database open: what the champion holds is of the "
            "published copy; what was found, and which runs were killed, is not known"
        )
    if home["trouble"] is not None:
        yield f"  the home can't be read: {home['trouble']}"


def _show_time(moment: str) -> str:
    """Return a time in ISO format and UTC, to the minute."""
    return f"{moment[:16].replace('T', ' ')} UTC"


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="The port to use instead of REVIEWS_SERVE_PORT. [default: 8300]",
)
def serve(port: int | None) -> None:
    """Score texts over HTTP with the champion, until Ctrl-C.

    The address is 127.0.0.1 by default. POST /score answers one text and POST /scores several, with the numbers that
    `reviews score` would write; the page /docs shows both and tries them out, also without the internet. Another
    champion answers as soon as it is promoted, without a restart. Nothing is stored.
    Needs the extra `serve`.

    \b
    Examples:
      reviews serve
      curl -d '{"text": "A dull, lovely film"}' -H 'Content-Type: application/json' http://127.0.0.1:8300/score
      curl -d '{"texts": ["Good", "Bad"]}' -H 'Content-Type: application/json' http://127.0.0.1:8300/scores
      REVIEWS_SERVE_HOST=192.0.2.7 REVIEWS_SERVE_TOKEN_FILE=/run/secrets/token reviews serve --port 8301
    """
    from dataclasses import replace

    from deployments.serving.running import run_serve

    settings = load_settings()
    run_serve(replace(settings, serve_port=port or settings.serve_port), echo)
