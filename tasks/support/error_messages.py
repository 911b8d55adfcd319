"""Messages for errors of the system and of Prefect: each names a next step and shows no traceback.

The next step depends on the number of a system error: "free space" does not help if a file name is too long.
"""

import errno
import os
from collections.abc import Collection
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tasks.support.wording import is_unicode

_SHOWN = 500
"""Most characters of a name or text that a message shows."""
_SPACE = "free space on that disk, or raise the quota"
_RIGHTS = "give yourself the right to do that, or name another place"
NEXT_STEPS = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: "mount its disk so that it can be written, or name a place that can be written",
    errno.ENOENT: "create its folder, or name another",
    errno.ENOTDIR: "create its folder, or name another",
    errno.EISDIR: "that is a folder: name a file",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "raise the limit of open files: `ulimit -n`",
    errno.EIO: "check the disk: reading or writing failed",
}
"""The next step after an error of the system, by its number."""
_DEFAULT_STEP = "check that it exists, and that you may read and write it, then run it again"


def describe_error(error: Exception, variables: Collection[str] = ()) -> str | None:
    """Describe an error of the system or of Prefect, with the next step; return None for all other errors.

    `variables` are the names of the environment's variables; the message names the one that holds a wrong setting.
    """
    if isinstance(error, OSError):
        return _describe_system_error(error)
    if isinstance(error, UnicodeError):
        return _describe_encoding_error(error)
    if isinstance(error, RuntimeError) and "Failed to reach API" in str(error):
        return (
            f"Prefect's server does not answer ({error}). Next: if PREFECT_API_URL names it, correct or unset "
            "that; without it, the server of `reviews up` is used, or a temporary one. Else see `reviews status`."
        )
    status = getattr(getattr(error, "response", None), "status_code", 0)
    if type(error).__name__ == "PrefectHTTPStatusError" and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return (
            f"Prefect's server fails (status {status}): its database may be away or busy. Next: see its log, "
            "prefect/up.log of the home if it is that of `reviews up`; then run the command again."
        )
    if type(error).__name__ == "SettingsError":
        return f"{error}. Next: correct that file, or move it away."
    return _describe_prefect_settings(error, variables)


def _describe_system_error(error: OSError) -> str:
    """Return the message for an error of the system: the file, the error's text and a next step."""
    name = _find_read_only(error.filename) if error.errno == errno.EROFS else error.filename
    where = f"{_show(name)}: " if name else ""
    if error.errno == errno.EBADF:
        return f"{error.strerror}. Next: redirect it to a file, or to /dev/null."
    return f"{where}{error.strerror or error}. Next: {NEXT_STEPS.get(error.errno or 0, _DEFAULT_STEP)}."


def _find_read_only(name: object) -> object:
    """Return where the read-only disk with a file is mounted: the file, often one of ours, is not to blame."""
    if not isinstance(name, str | Path):
        return name
    found = name
    for folder in Path(name).absolute().parents:
        with suppress(OSError):
            if not os.statvfs(folder).f_flag & os.ST_RDONLY:
                break
            found = folder
    return found


def _describe_encoding_error(error: UnicodeError) -> str:
    if isinstance(error, UnicodeEncodeError) and error.encoding not in ("utf-8", "utf8"):
        return f"The output can't be encoded in {error.encoding}. Next: set PYTHONIOENCODING=utf-8."
    held = getattr(error, "object", "")
    held = held if isinstance(held, bytes) else str(held)
    return f"A name or text is not UTF-8: {held[:_SHOWN]!a}. Next: rename the file, or write it in UTF-8."


def _describe_prefect_settings(error: Exception, variables: Collection[str]) -> str | None:
    """Describe which settings of Prefect are invalid, but no values, as they may be secret; None for other errors."""
    if type(error).__name__ != "ValidationError" or not str(getattr(error, "title", "")).endswith("Settings"):
        return None
    faults: list[dict[str, Any]] = error.errors()  # type: ignore[attr-defined]
    wrong = [each for each in faults if each["type"] != "default_factory_not_called"]
    named = "; ".join(f"{_name_prefect_setting(each, variables)}: {each['msg']}" for each in wrong)
    return f"Prefect refuses its settings: {named}. Next: correct or unset them."


def _name_prefect_setting(fault: dict[str, Any], variables: Collection[str]) -> str:
    """Return the name of the environment variable that holds a wrong setting.

    A setting in Prefect's profile or in a file has the same name as the variable, so the name is right in each case.
    """
    end = "_".join(str(part) for part in fault["loc"]).upper()
    names = [name for name in variables if name.startswith("PREFECT_") and name.endswith(end)]
    return min(names, key=len, default=f"PREFECT_..._{end}")


def _show(name: object) -> str:
    """Return the name of a file in an error message, escaped if it is not valid text."""
    text = str(name) if isinstance(name, str | Path) else repr(name)
    return text if is_unicode(text) else ascii(text)
