"""`reviews serve` keeps the texts that it answers, if it is asked to: none is lost, and a run reads each as it was."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.serving import kept_texts as module
from deployments.serving.kept_texts import start_keeping
from tasks.inbox.source_files import look_into
from tasks.reading.reader import read_review_file
from tasks.reading.values import NO_TEXT_WORDS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a source in an inbox."""
    return tmp_path / "inbox" / "asked"


def list_seen(folder: Path) -> list[Path]:
    """List the files that a run would read."""
    return sorted(found.path for found in look_into(folder.parent).files)


def read_all(folder: Path) -> list[str | None]:
    """Read the texts of all files that a run would read."""
    return [text for path in list_seen(folder) for text in read_texts(path)]


def read_texts(path: Path) -> list[str | None]:
    """Read the texts of a file, without those of its bad rows."""
    return [text for batch in read_review_file(path) for text in batch["text"].to_pylist()]


def kill(folder: Path, texts: Sequence[str]) -> Path:
    """Leave behind what a killed server leaves; return its file."""
    keeping = start_keeping(folder)
    keeping.keep(texts)
    [hidden] = folder.glob(".asked-*")
    content = hidden.read_bytes()
    keeping.hand_over()
    for path in list_seen(folder):
        path.unlink()
    hidden.write_bytes(content)
    return hidden


def test_runs_see_nothing_until_a_file_is_handed_over(folder: Path) -> None:
    keeping = start_keeping(folder)
    assert keeping.keep(["a good film"]) == 0
    assert list_seen(folder) == []
    keeping.hand_over()
    assert read_all(folder) == ["a good film"]
    keeping.hand_over()
    assert len(list_seen(folder)) == 1


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text.strip().casefold() not in {"", *NO_TEXT_WORDS}
)


@settings(max_examples=30)
@given(texts=st.lists(TEXTS, min_size=1, max_size=5))
def test_a_text_is_read_as_it_was_asked(folder: Path, texts: list[str]) -> None:
    keeping = start_keeping(folder)
    keeping.keep(texts)
    keeping.hand_over()
    [path] = list_seen(folder)
    found = read_texts(path)
    path.unlink()
    assert found == texts


def test_a_word_that_programs_write_for_no_text_is_none(folder: Path) -> None:
    keeping = start_keeping(folder)
    keeping.keep(["undefined", "a good film"])
    keeping.hand_over()
    assert read_all(folder) == [None, "a good film"]


def test_a_full_file_is_handed_over_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TEXTS", 2)
    keeping = start_keeping(folder)
    keeping.keep(["one"])
    keeping.keep(["two", "three"])
    keeping.keep(["four"])
    assert read_all(folder) == ["one", "two", "three"]
    keeping.hand_over()


def test_an_old_file_is_handed_over_without_another_request(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_SECONDS", 0.01)
    start_keeping(folder).keep(["one"])
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(60)
    assert read_all(folder) == ["one"]


def test_what_a_killed_server_kept_is_handed_over_without_its_half_line(folder: Path) -> None:
    with kill(folder, ["one", "two"]).open("ab") as file:
        file.write(b'{"text": "thr')
    start_keeping(folder)
    assert read_all(folder) == ["one", "two"]


def test_a_file_that_another_server_has_open_is_left_alone(folder: Path) -> None:
    first = start_keeping(folder)
    first.keep(["one"])
    start_keeping(folder)
    assert list_seen(folder) == []
    first.hand_over()
    assert read_all(folder) == ["one"]


def test_a_link_in_the_place_of_a_kept_file_is_not_followed(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("no line end")
    folder.mkdir(parents=True)
    (folder / ".asked-1.jsonl").symlink_to(secret)
    start_keeping(folder)
    assert secret.read_text() == "no line end"


def test_texts_that_can_not_be_kept_are_counted_and_said_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keeping = start_keeping(folder)
    folder.rmdir()
    folder.touch()
    assert (keeping.keep(["one", "two"]), keeping.keep(["three"])) == (2, 1)
    assert capsys.readouterr().err.count("can't be kept") == 1
