"""The commands of servers: up, down, status and deploy for Prefect's, and serve for scores of single texts."""

import click

from data_contracts.errors import ReviewsError
from flows.command.console.output import echo
from flows.command.startup import prepare_prefect
from tasks.support.wording import format_json


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The port to use instead of REVIEWS_PORT. [default: 4200]"
)
@click.option("--watch-inbox", is_flag=True, help="Score files as soon as they arrive.")
@click.option(
    "--detach", is_flag=True, help="Run in the background; return when it is ready. `reviews down` stops it."
)
def up(port: int | None, watch_inbox: bool, detach: bool) -> None:
    """Start a Prefect server on 127.0.0.1, the deployments and a worker.

    They run in the foreground until Ctrl-C, unless --detach is given. New files in the inbox are scored every 15
    minutes (see prefect.yaml), or at once with --watch-inbox.

    \b
    Examples:
      reviews up
      reviews up --detach --watch-inbox
      reviews --home /srv/reviews up --port 4300
    """
    from dataclasses import replace

    from deployments.local_server.detached import start_detached
    from deployments.local_server.up import run_up
    from deployments.settings import load_settings

    settings = load_settings()
    settings = replace(settings, port=port or settings.port, watch_inbox=watch_inbox or settings.watch_inbox)
    if detach:
        start_detached(settings, echo)
    else:
        run_up(settings, echo)


@click.command()
@click.option("--now", is_flag=True, help="End active runs at once instead of waiting for them.")
def down(now: bool) -> None:
    """Stop what `reviews up` started, also what it left behind if it was killed.

    Active runs get REVIEWS_DRAIN_SECONDS (60) to end, and are then cancelled. The next run continues where a cancelled
    one stopped.
    """
    from deployments.local_server.down import bring_down
    from deployments.settings import load_settings

    echo(bring_down(load_settings(), echo, at_once=now))


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def status(form: str) -> None:
    """Show whether `reviews up` runs, and the current, last and next run of each deployment.

    The exit status is 0 if it is up, 1 if it is not.

    \b
    Examples:
      reviews status
      reviews status --format json | jq .deployments
    """
    from deployments.local_server.running import require_running
    from deployments.settings import load_settings

    try:
        settings = load_settings()
        running = require_running(settings)
        prepare_prefect(may_start=False)
        from deployments.local_server.status import describe_status, read_status
        from flows.command.actions.destinations import describe_failing, read_all_standings
        from tasks.training.promise import describe_standing, read_standing

        found = {
            **read_status(running, settings),
            "destinations": read_all_standings(settings),
            "champion": read_standing(settings.home.warehouse),
        }
    except ReviewsError as error:
        if form == "json":
            echo(format_json({"is_up": False, "message": str(error)}))
            raise SystemExit(error.exit_status) from None
        raise
    lines = [describe_status(found), *describe_standing(found["champion"])]
    lines += describe_failing(found["destinations"])
    echo(format_json(found) if form == "json" else "\n".join(lines))


@click.command()
def deploy() -> None:
    """Create or update the work pool and all deployments on the Prefect server that PREFECT_API_URL names.

    Use it for a server of your own, or Prefect Cloud; `reviews up` does this by itself. It creates the work pool, then
    runs `prefect --no-prompt deploy --all` in the project's folder.
    """
    prepare_prefect(may_start=False)
    from deployments.deploy import deploy_all
    from deployments.settings import load_settings

    deploy_all()
    *others, last = load_settings().deployments
    echo(f"The deployments {', '.join(others)} and {last} are up to date.")


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="The port to use instead of REVIEWS_SERVE_PORT. [default: 8300]",
)
def serve(port: int | None) -> None:
    """Score texts over HTTP with the champion, on 127.0.0.1, until Ctrl-C.

    POST /score answers one text and POST /scores several, with the numbers that `reviews score` would write; the page
    /docs shows both and tries them out, also without the internet. Another champion answers as soon as it is promoted,
    without a restart. Nothing is stored. Needs the extra `serve`.

    \b
    Examples:
      reviews serve
      curl -d '{"text": "A dull, lovely film"}' -H 'Content-Type: application/json' http://127.0.0.1:8300/score
      curl -d '{"texts": ["Good", "Bad"]}' -H 'Content-Type: application/json' http://127.0.0.1:8300/scores
      REVIEWS_SERVE_HOST=192.0.2.7 REVIEWS_SERVE_TOKEN_FILE=/run/secrets/token reviews serve --port 8301
    """
    from dataclasses import replace

    from deployments.serving.running import run_serve
    from deployments.settings import load_settings

    settings = load_settings()
    run_serve(replace(settings, serve_port=port or settings.serve_port), echo)
