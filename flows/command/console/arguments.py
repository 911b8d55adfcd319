"""Checks of command-line arguments: valid text, no empty paths, also on standard input; and options that are gone."""

import os
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from data_contracts.errors import UsageError
from data_contracts.storage.store_uris import is_store_uri
from tasks.support.wording import is_unicode

TIME_FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M%z",
    "%Y-%m-%dT%H:%M:%S%z",
)
"""In which options take a day or a time."""
DAY_FORMATS = TIME_FORMATS[:1]


Command = TypeVar("Command", bound=Callable[..., Any])


def gone_option(name: str, message: str) -> Callable[[Command], Command]:
    """Return the decorator of an option of an earlier version: who gives it is told what has taken its place."""

    def refuse(context: click.Context, option: click.Parameter, given: str | None) -> None:
        if given is not None:
            raise UsageError(message)

    return click.option(name, hidden=True, expose_value=False, callback=refuse)


def refuse_undecodable(arguments: Iterable[str]) -> None:
    """Raise `UsageError` if the bytes of an argument are not valid text: names and queries must be text."""
    for number, argument in enumerate(arguments, 1):
        if is_unicode(argument):
            continue
        try:
            shown = ascii(os.fsencode(argument))[1:]
        except UnicodeEncodeError:  # it never was bytes
            shown = ascii(argument)
        is_utf8 = sys.getfilesystemencoding() == "utf-8"
        next_step = "name it in UTF-8; a file can be renamed" if is_utf8 else "set LC_ALL=C.UTF-8"
        raise UsageError(f"Argument {number} is not UTF-8: {shown}. Next: {next_step}.")


class PathName(click.Path):
    """A path on the command line that must not be empty: an unset shell variable must not mean the current folder.

    Where a file must exist, a pipe is none: it can be read once, and a file is looked at more often.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; fail with click's own usage error if it is empty or unsuitable."""
        if not str(value):
            self.fail("it is empty. Name a path; the current folder is '.'.", param, ctx)
        path: Any = super().convert(value, param, ctx)
        if self.exists and not self.dir_okay and not Path(path).is_file():
            self.fail(
                f"{value!r} is a pipe or a device. Write what it gives into a file, and name that.",
                param,
                ctx,
            )
        return path


class PathOrUri(PathName):
    """A path on the command line, or the URI of something in an object store, which is not looked at yet."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or the URI as text."""
        return value if is_store_uri(str(value)) else super().convert(value, param, ctx)


class Moment(click.DateTime):
    """A day or a time on the command line; a mistake is told how to write one, not by the codes of its formats."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the time; fail with click's own usage error if the value is none."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            written = " or ".join(datetime(2026, 11, 24, 6, 30).strftime(each) for each in self.formats[:2])
            self.fail(f"{value!r} is no date that can be read. Write it as {written}.", param, ctx)


def decode_input(content: bytes) -> str:
    """Decode the argument that the user gave on standard input; raise `UsageError` if it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"Standard input is not UTF-8 (at byte {error.start}). Next: convert it, for example with iconv."
        ) from None
