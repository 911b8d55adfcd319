"""The command's standard streams and how it prints to them.

The streams are open, in UTF-8, and given up once where they fail; commands that a message names work as they stand.
"""

import errno
import os
import re
import shlex
import sys
from contextlib import suppress
from typing import cast

import click

CHARACTERS_SHOWN = 2000
"""Of an error's message at most: what was typed may be as long as a book."""


def echo(text: str) -> None:
    """Print a message on standard output; the commands that it names get the --home that was given."""
    click.echo(_name_home(text))


def echo_error(text: str) -> None:
    """Print an error's message on standard error; what was to be printed before comes first, or nowhere."""
    flush_or_give_up()
    click.echo(f"reviews: {shorten(_name_home(text))}", err=True)


def shorten(text: str) -> str:
    """Cut the middle out of what is longer than `CHARACTERS_SHOWN`: the next step stands at the end."""
    half = CHARACTERS_SHOWN // 2
    return text if len(text) <= CHARACTERS_SHOWN else f"{text[:half]} … {text[-half:]}"


def open_closed_streams() -> None:
    """Open /dev/null in the place of standard streams that the caller closed: no file of ours may get their numbers.

    A database under number 1 would take what is printed. Raises `OSError` where nothing could be answered.
    """
    is_answered = sys.stdout is not None
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _open_nothing(number)
            stream = open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
    if not is_answered:
        raise OSError(errno.EBADF, "Standard output is closed, so nothing could be answered")


def write_in_utf8() -> None:
    """Let answers to files and pipes be UTF-8, whatever the locale; a terminal gets what it can show."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # What is no text, such as a name that is not UTF-8, is spelled out.
            stream.reconfigure(
                encoding=stream.encoding if stream.isatty() else "utf-8", errors="backslashreplace"
            )


def flush_or_give_up() -> None:
    """Print what is still to be printed, or nowhere if that fails: Python would fail at it once more at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError, ValueError):  # a stream without a number, in a test
            _open_nothing(sys.stdout.fileno())


def _open_nothing(number: int) -> None:
    """Open /dev/null as the descriptor `number`."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)


def _name_home(text: str) -> str:
    """Add --home to the commands that a message names, so that they work as they stand, where it was given."""
    context = click.get_current_context(silent=True)
    root = context.find_root() if context else None
    if root is None or root.obj is None:
        return text
    commands = "|".join(cast(click.Group, root.command).list_commands(root))
    with_home = f"reviews --home {shlex.quote(str(root.obj))} "
    return re.sub(
        rf"(^|[`:(] ?)reviews (?=(?:{commands})\b)",
        lambda found: found[1] + with_home,
        text,
        flags=re.MULTILINE,
    )
