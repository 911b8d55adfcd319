"""Tests of messages for errors of other code, and of output that can't be written."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.command.console.error_messages import describe_error
from tests.conftest import PROJECT_ROOT


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "free space on that disk"),
        (errno.EDQUOT, "raise the quota"),
        (errno.EACCES, "give yourself the right"),
        (errno.EROFS, "name a place that can be written"),
        (errno.ENOENT, "create its folder, or name another"),
        (errno.EISDIR, "name a file"),
        (errno.ENAMETOOLONG, "choose a shorter name"),
        (errno.EILSEQ, "choose a name in UTF-8"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EIO, "check the disk"),
        (errno.ECONNRESET, "run it again"),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else "",
)
def test_each_error_of_the_system_gets_the_next_step_that_fits(number: int, says: str) -> None:
    said = describe_error(OSError(number, os.strerror(number), "/a/file"), {})
    assert said is not None
    assert said.startswith(f"/a/file: {os.strerror(number)}. Next: ")
    assert says in said
    assert ("space" in said) == (number in (errno.ENOSPC, errno.EDQUOT))


def test_the_disk_is_blamed_for_a_file_that_is_not_written_since_it_is_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, real = tmp_path / "disk", os.statvfs
    (disk / "home").mkdir(parents=True)

    def mount_read_only(path: Path) -> object:
        return SimpleNamespace(f_flag=os.ST_RDONLY) if disk in (path, *path.parents) else real(path)

    monkeypatch.setattr(os, "statvfs", mount_read_only)
    error = OSError(errno.EROFS, os.strerror(errno.EROFS), str(disk / "home" / ".mark.7.tmp"))
    said = describe_error(error, {})
    assert said is not None
    assert said.startswith(f"{disk}: Read-only file system. Next: mount its disk")


def test_a_wrong_setting_of_prefect_is_named_and_its_value_is_not() -> None:
    from pydantic import BaseModel, ValidationError

    class APISettings(BaseModel):
        request_timeout: float

    with pytest.raises(ValidationError) as caught:
        APISettings.model_validate({"request_timeout": "secret"})
    said = describe_error(caught.value, {"PREFECT_API_REQUEST_TIMEOUT": "secret", "PREFECT_HOME": "/x"})
    assert said is not None
    assert "PREFECT_API_REQUEST_TIMEOUT: Input should be a valid number" in said
    assert "secret" not in said


@pytest.mark.process
@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", ">/dev/full 2>&-", "2>/dev/full >&-"])
def test_nothing_is_added_when_the_process_ends(redirection: str) -> None:
    command = f"{sys.executable} -m flows.command.cli models variants {redirection}"
    done = subprocess.run(
        ["sh", "-c", command], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == ("2>" not in redirection), done.stderr
    if redirection == ">/dev/full":
        said = "reviews: No space left on device. Next: free space on that disk, or raise the quota.\n"
        assert done.stderr == said
