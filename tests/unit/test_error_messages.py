"""Tests of messages for errors of other code, and of output that can't be written."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.command.cli import main
from flows.command.console import output
from flows.command.console.output import shorten
from flows.command.console.standard_streams import write_in_utf8
from tasks.support.error_messages import describe_error
from tests.conftest import PROJECT_ROOT


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "free space on that disk"),
        (errno.EACCES, "give yourself the right"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ECONNRESET, "run it again"),
    ],
)
def test_each_error_of_the_system_gets_the_next_step_that_fits(number: int, says: str) -> None:
    said = describe_error(OSError(number, os.strerror(number), "/a/file"), {})
    assert said is not None
    assert said.startswith(f"/a/file: {os.strerror(number)}. Next: ")
    assert says in said


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


def test_a_message_as_long_as_what_was_typed_is_cut_and_keeps_its_next_step() -> None:
    said = shorten(f"{'x' * 200_000}: is not there. Next: name another.")
    assert len(said) < output.CHARACTERS_SHOWN + 10
    assert said.endswith("Next: name another.")


@pytest.mark.parametrize("arguments", [["--version"], ["models", "variants"]], ids=" ".join)
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
@pytest.mark.parametrize("redirection", [">/dev/full", "2>/dev/full >&-"])
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
