"""Tests of messages for errors of other code, and of output that can't be written."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from click.testing import CliRunner

from data_contracts.errors import UsageError
from flows.command.cli import main
from flows.command.console import output
from flows.command.console.arguments import refuse_undecodable
from flows.command.console.output import shorten
from flows.command.console.standard_streams import write_in_utf8
from tasks.support.error_messages import describe_error
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


def test_a_name_that_is_not_utf_8_is_blamed_on_itself() -> None:
    error = UnicodeEncodeError("utf-8", "/tmp/\udcff.csv", 5, 6, "surrogates not allowed")
    assert describe_error(error, {}) == (
        "A name or text is not UTF-8: '/tmp/\\udcff.csv'. Next: rename the file, or write it in UTF-8."
    )


def test_a_prefect_server_that_fails_is_one_sentence_with_the_next_step() -> None:
    from prefect.exceptions import PrefectHTTPStatusError

    answer = httpx.Response(500, request=httpx.Request("GET", "http://127.0.0.1:4200/api/csrf-token"))
    with pytest.raises(httpx.HTTPStatusError) as caught:
        answer.raise_for_status()
    said = describe_error(PrefectHTTPStatusError.from_httpx_error(caught.value), {})
    assert said is not None
    assert "its database may be away or busy. Next: " in said
    assert "\n" not in said


def test_an_error_that_no_one_foresaw_has_no_words_and_stays_a_bug() -> None:
    assert describe_error(ValueError("who knows"), {}) is None


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


def test_a_broken_file_of_prefects_settings_is_named() -> None:
    from pydantic_settings import SettingsError

    said = describe_error(
        SettingsError("Failed to load Prefect settings from prefect.toml: invalid TOML"), {}
    )
    assert said is not None
    assert said.endswith("from prefect.toml: invalid TOML. Next: correct that file, or move it away.")


def test_a_message_as_long_as_what_was_typed_is_cut_and_keeps_its_next_step() -> None:
    said = shorten(f"{'x' * 200_000}: is not there. Next: name another.")
    assert len(said) < output.CHARACTERS_SHOWN + 10
    assert said.endswith("Next: name another.")


def test_an_argument_in_another_encoding_than_the_machines_names_the_locale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    with pytest.raises(UsageError, match=r"Argument 2 is not UTF-8: .*set LC_ALL=C\.UTF-8"):
        refuse_undecodable(["sql", "\udcc3\udca9"])


@pytest.mark.parametrize(
    "group", [[], ["destinations"], ["models"], ["quarantine"], ["shadow"], ["sources"]], ids=" ".join
)
def test_no_summary_of_a_command_is_cut_in_80_columns(group: list[str]) -> None:
    shown = CliRunner().invoke(main, [*group, "--help"], terminal_width=80).stdout
    assert not [line for line in shown.partition("Commands:")[2].splitlines() if line.endswith("...")]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["models", "variants"], ["score", "--help"]], ids=" ".join
)
def test_output_that_can_not_be_written_ends_with_a_message(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit, match="1"):
            main(arguments)
    said = capsys.readouterr().err
    assert said == "reviews: No space left on device. Next: free space on that disk, or raise the quota.\n"


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


def test_answers_to_files_are_utf_8_whatever_the_locale(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "answer").open("w", encoding="ascii") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        write_in_utf8()
        stream.write("é │ \udcff")
    assert (tmp_path / "answer").read_bytes() == "é │ \\udcff".encode()
