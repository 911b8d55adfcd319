"""What the command line accepts: arguments that are text, paths that are not empty, and who runs the command."""

import os
import sys
from collections.abc import Iterable
from typing import Any

import click

from data_contracts.errors import UsageError


def refuse_undecodable(arguments: Iterable[str]) -> None:
    """Raise `UsageError` where an argument's bytes are not text: no name of ours and no query can hold them."""
    for number, argument in enumerate(arguments, 1):
        if is_text(argument):
            continue
        shown = ascii(os.fsencode(argument) if _has_bytes(argument) else argument).lstrip("b")
        is_utf8 = sys.getfilesystemencoding() == "utf-8"
        next_step = "name it in UTF-8; a file can be renamed" if is_utf8 else "set LC_ALL=C.UTF-8"
        raise UsageError(f"Argument {number} is not UTF-8: {shown}. Next: {next_step}.")


class PathName(click.Path):
    """A path on the command line: an empty one, as an unset variable gives, is not the present folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give the path, or fail as click does."""
        if not str(value):
            self.fail("it is empty. Name a path; the present folder is '.'.", param, ctx)
        return super().convert(value, param, ctx)


def is_text(text: str) -> bool:
    """Return whether a string has a form in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def name_user() -> str:
    """Name the user that runs this, as the system does."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _has_bytes(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True
