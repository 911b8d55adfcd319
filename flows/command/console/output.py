"""Prints the command's messages on standard output and standard error.

Where a message names a command, it adds the --home that the user gave, so that the command can be copied.
"""

import re
import sys
from typing import cast

import click

from data_contracts.errors import UsageError
from flows.command.console.standard_streams import flush_or_give_up
from tasks.support.wording import escape_controls, quote_word

CHARACTERS_SHOWN = 2000
"""The longest message of an error, in characters: it may repeat what the user typed."""


def echo(text: str) -> None:
    """Print a message on standard output; add the --home that the user gave to the commands that it names."""
    click.echo(_name_home(text))


def echo_error(text: str) -> None:
    """Print an error's message on standard error, after flushing both streams; it may repeat any name."""
    flush_or_give_up()
    shown = escape_controls(shorten(_name_home(text)), keep="\n\t")
    click.echo(f"reviews: {shown}", err=True)


def confirm(question: str, default: bool | None = None) -> bool:
    """Ask a question and return the answer; raise `UsageError`, which names the option --yes, if nobody answers."""
    try:
        return click.confirm(question, default=default)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo()
        raise UsageError("nobody answered, so nothing was done. Next: run it again with --yes.") from None


def shorten(text: str) -> str:
    """Cut the middle out of a text longer than `CHARACTERS_SHOWN`; a message's next step is at its end."""
    half = CHARACTERS_SHOWN // 2
    return text if len(text) <= CHARACTERS_SHOWN else f"{text[:half]} … {text[-half:]}"


def _name_home(text: str) -> str:
    """Add the --home that the user gave to the `reviews` commands in a message, so that they can be copied."""
    context = click.get_current_context(silent=True)
    root = context.find_root() if context else None
    if root is None or root.obj is None:
        return text
    commands = "|".join(cast(click.Group, root.command).list_commands(root))
    with_home = f"reviews --home {quote_word(str(root.obj))} "
    return re.sub(
        rf"(^|[`:(] ?)reviews (?=(?:{commands})\b)",
        lambda found: found[1] + with_home,
        text,
        flags=re.MULTILINE,
    )
