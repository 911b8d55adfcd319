"""The `reviews` command: its global options, and its messages and exit status after an error.

A module of commands is imported when one of its commands is called, and each command imports its libraries when it
runs, so that `--help` prints at once.
"""

import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from data_contracts.errors import ReviewsError, UsageError
from data_contracts.library_loading import collect_less
from flows.command.console.arguments import PathName, refuse_undecodable
from flows.command.console.output import echo_error
from flows.command.console.standard_streams import flush_or_give_up, open_closed_streams, write_in_utf8
from flows.command.startup import (
    INTERRUPTED_STATUS,
    choose_home,
    close_home,
    is_encoding_chosen,
    list_variables,
    make_password_error,
)
from tasks.support.error_messages import describe_error
from tasks.support.interruption import stop_if_interrupted

MODULES = {
    "run_flows": ("ingest", "train", "score", "demo"),
    "ask": ("sql", "explain", "report", "site"),
    "findings": ("findings",),
    "sources": ("sources",),
    "destinations": ("destinations", "export"),
    "models": ("models",),
    "upkeep": ("verify", "quarantine", "forget", "backup", "restore"),
    "servers": ("up", "down", "status", "serve"),
}
"""The commands in each module of this package; a command has the name of its function."""
MOVED = {
    "deploy": "up --deploy-only",
    "label": "models label",
    "shadow": "models shadow",
    "variants": "models variants",
    "week": "report --week",
}
"""What has taken the place of commands of earlier versions."""
_MODULE_OF = {command: module for module, commands in MODULES.items() for command in commands}


class _ReviewsGroup(click.Group):
    """Loads commands by name, and turns the errors of all commands into a message and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names of all commands, loaded or not."""
        return sorted(_MODULE_OF)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; for an unknown name load all commands, so that click can suggest a similar one."""
        for name in {cmd_name} & _MODULE_OF.keys() or _MODULE_OF:
            if name not in self.commands:
                module = import_module(f"flows.command.{_MODULE_OF[name]}")
                self.add_command(getattr(module, name))
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; of one that has moved say where it is."""
        if args[0] in MOVED and not ctx.resilient_parsing:
            raise UsageError(f"`{args[0]}` is now `reviews {MOVED[args[0]]}`.")
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command as click does, and report an output that can't be written like any other error."""
        collect_less()
        try:
            open_closed_streams()
            if not is_encoding_chosen():
                write_in_utf8()
            try:
                return super().main(*args, **extra)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            flush_or_give_up()  # the reader of the pipe has ended, and expects no message
        except (OSError, UnicodeError) as error:
            with suppress(OSError):  # standard error may not be writable either
                echo_error(describe_error(error, list_variables()) or str(error))
            flush_or_give_up()
        sys.exit(1)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            refuse_undecodable(args)
        except UsageError as error:
            raise click.UsageError(str(error), ctx) from error
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return self._invoke(ctx)
        except ReviewsError as error:
            echo_error(str(error))
            ctx.exit(error.exit_status)
        except KeyboardInterrupt:
            click.echo(
                "\nInterrupted. What was committed stays. Next: run the command again for the rest.", err=True
            )
            ctx.exit(INTERRUPTED_STATUS)
        except BrokenPipeError:
            raise  # `main` ends the command without a message
        except Exception as error:
            if (message := describe_error(error, list_variables())) is None:
                raise
            echo_error(message)
            ctx.exit(1)

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            stop_if_interrupted(error)
            if getattr(getattr(error, "response", None), "status_code", None) == 401:
                raise make_password_error() from error
            raise


@click.group(cls=_ReviewsGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=PathName(file_okay=False, path_type=Path),
    help="Folder of all data. [default: REVIEWS_HOME, else data/ of the checkout or the data folder of the user]",
)
@click.version_option(package_name="review-ratings", prog_name="reviews")
@click.pass_context
def main(context: click.Context, home: Path | None) -> None:
    """Turn new movie-review files into scored rows that anyone can query.

    \b
    First steps:
      reviews demo                     run everything on a small generated archive
      reviews ingest                   download and check the Stanford archive
      reviews train                    train the default variant and promote it
      cp new-reviews.csv data/inbox/   put a review file into the inbox
      reviews score                    score the new files
      reviews sql "from movie_ratings" query the results
      reviews up                       score new files on a schedule

    Exit status: 0 done, 1 a stage failed, 2 wrong usage, 130 interrupted.
    """
    context.obj = home
    if home is not None:
        choose_home(home)
    close_home()  # what the command makes stays closed, too
    context.call_on_close(close_home)
    from deployments.settings import find_unknown

    for warning in find_unknown():
        click.echo(f"reviews: {warning}", err=True)


if __name__ == "__main__":
    main()
