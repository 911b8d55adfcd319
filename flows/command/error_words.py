"""What the `reviews` command says of errors that are not its own: one message with a next step, never a traceback.

The system's errors are told apart by their number, since "free space" helps no one whose file name is too long.
"""

import errno
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from data_contracts.errors import UsageError

CHARACTERS_SHOWN = 2000
"""Of a message at most: what was typed may be as long as a book."""
_SPACE = "free space on that disk, or raise the quota"
_RIGHTS = "give yourself the right to do that, or name another place"
NEXT_STEPS = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: "name a place on a file system that takes larger files",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: "name a place that can be written",
    errno.ENOENT: "make its folder, or name another",
    errno.ENOTDIR: "make its folder, or name another",
    errno.EISDIR: "that is a folder: name a file",
    errno.EEXIST: "name another, or move away what is there",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EILSEQ: "choose a name in UTF-8",
    errno.EINVAL: "choose a name that the file system takes",
    errno.ELOOP: "mend the links there, which lead in a circle",
    errno.EMFILE: "raise the limit of open files: `ulimit -n`",
    errno.ENFILE: "close other programs: the machine has no open file left",
    errno.ENOMEM: "free memory, then run it again",
    errno.EIO: "see to the disk: it does not read or write as it should",
    errno.ESTALE: "see to the network file system, then run it again",
    errno.ETXTBSY: "wait until no other program has it, then run it again",
    errno.EBUSY: "wait until no other program has it, then run it again",
}
"""What to do about an error of the system, by its number."""
_ELSE = "see that it is there, and that you may read and write it, then run it again"


def describe_error(error: Exception, environment: Mapping[str, str]) -> str | None:
    """Say what an error of the system or of Prefect's settings means and what to do; None for all other errors."""
    if isinstance(error, OSError):
        return _describe_system_error(error)
    if isinstance(error, UnicodeError):
        return _describe_encoding_error(error)
    if isinstance(error, RuntimeError) and "Failed to reach API" in str(error):
        return (
            f"Prefect's server does not answer ({error}). Next: `reviews status`, or unset PREFECT_API_URL to run "
            "without one."
        )
    if type(error).__name__ == "SettingsError":
        return f"{error}. Next: mend that file, or move it away."
    return _describe_prefect_settings(error, environment)


def shorten(words: str) -> str:
    """Cut the middle out of what is longer than `CHARACTERS_SHOWN`: the next step stands at the end."""
    half = CHARACTERS_SHOWN // 2
    return words if len(words) <= CHARACTERS_SHOWN else f"{words[:half]} … {words[-half:]}"


def refuse_undecodable(arguments: Iterable[str]) -> None:
    """Raise `UsageError` where an argument's bytes are not text: no name of ours and no query can hold them."""
    for number, argument in enumerate(arguments, 1):
        if _is_text(argument):
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


def _describe_system_error(error: OSError) -> str:
    where = f"{_show(error.filename)}: " if error.filename else ""
    if error.errno == errno.EBADF:
        return f"{error.strerror}. Next: send it to a file, or to /dev/null."
    return f"{where}{error.strerror or error}. Next: {NEXT_STEPS.get(error.errno or 0, _ELSE)}."


def _describe_encoding_error(error: UnicodeError) -> str:
    if isinstance(error, UnicodeEncodeError) and error.encoding not in ("utf-8", "utf8"):
        return f"What is to be shown has no form in {error.encoding}. Next: set PYTHONIOENCODING=utf-8."
    held = getattr(error, "object", "")
    held = held if isinstance(held, bytes) else str(held)
    return (
        f"A name or text is not UTF-8: {shorten(ascii(held))}. Next: rename the file, or write it in UTF-8."
    )


def _describe_prefect_settings(error: Exception, environment: Mapping[str, str]) -> str | None:
    """Say which settings of Prefect's make no sense; what they are set to may be a secret, so it is not repeated."""
    if type(error).__name__ != "ValidationError" or not str(getattr(error, "title", "")).endswith("Settings"):
        return None
    faults: list[dict[str, Any]] = error.errors()  # type: ignore[attr-defined]
    wrong = [each for each in faults if each["type"] != "default_factory_not_called"]
    said = "; ".join(f"{_name_prefect_setting(each, environment)}: {each['msg']}" for each in wrong)
    return f"Prefect can't be set so: {said}. Next: mend or unset that."


def _name_prefect_setting(fault: dict[str, Any], environment: Mapping[str, str]) -> str:
    """Name the variable that was read; one of Prefect's profile or of a file has the same name."""
    end = "_".join(str(part) for part in fault["loc"]).upper()
    names = [name for name in environment if name.startswith("PREFECT_") and name.endswith(end)]
    return min(names, key=len, default=f"PREFECT_..._{end}")


def _show(name: object) -> str:
    text = str(name) if isinstance(name, str | Path) else repr(name)
    return text if _is_text(text) else ascii(text)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _has_bytes(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True
