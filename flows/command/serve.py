"""The commands of the Prefect server, the worker and the deployments: up, down, status and deploy."""

import click

from flows.command.output import echo
from flows.command.startup import prepare_prefect


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Instead of REVIEWS_PORT. [default: 4200]")
@click.option("--watch-inbox", is_flag=True, help="Score files as soon as they arrive.")
@click.option("--detach", is_flag=True, help="Come back when it is up; `reviews down` stops it.")
def up(port: int | None, watch_inbox: bool, detach: bool) -> None:
    """Start a Prefect server on 127.0.0.1, the deployments and a worker.

    Stays in the foreground until Ctrl-C, unless detached. New files in the inbox are scored every 15 minutes
    (see prefect.yaml), or at once with --watch-inbox.

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
@click.option("--now", is_flag=True, help="Do not wait for runs that go on: end them.")
def down(now: bool) -> None:
    """Stop what `reviews up` started, or left behind when it was killed.

    Runs that go on may end first, for REVIEWS_DRAIN_SECONDS (60); one that does not is cancelled, and the next run
    goes on where it stopped.
    """
    from deployments.local_server.detached import stop_running
    from deployments.settings import load_settings

    echo(stop_running(load_settings(), echo, at_once=now))


@click.command()
def status() -> None:
    """Say whether `reviews up` runs, and what its deployments did last and do next.

    Exit status 0 if it is up, 1 if it is not.
    """
    from deployments.local_server.detached import require_running
    from deployments.settings import load_settings

    running = require_running(load_settings())
    prepare_prefect(may_start=False)
    from deployments.local_server.status import describe_status

    echo(describe_status(running))


@click.command()
def deploy() -> None:
    """Make the work pool and all deployments on the Prefect server that PREFECT_API_URL names.

    `reviews up` does this by itself; this is for a server of your own, or Prefect Cloud. The same as
    `prefect --no-prompt deploy --all` in the project's folder, with the work pool made first.
    """
    prepare_prefect(may_start=False)
    from deployments.deploy import deploy_all

    deploy_all()
    echo("The deployments ingest-reviews, train-model and score-reviews are up to date.")
