"""Tests of quarantined rows: only failing rows are quarantined; they are released once the cause is fixed."""

import re
import threading
from dataclasses import replace

import numpy as np
import pytest

from data_contracts.errors import BundleError, ContractError, ReviewsError, UsageError
from data_contracts.storage.home import Home
from deployments.settings import load_settings
from models.bundle.scorer import EncodedTexts, ScoredTexts, Scorer, load_scorer, score_encoded
from models.tokenizer import EncodedReviews
from tasks.maintenance.quarantine import Choice, ReleaseRequest, describe_row, list_query, release
from tasks.maintenance.verification import verify_home
from tasks.queries.run_query import query_published
from tasks.scoring import part_rows as scored_rows
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.row_names import parse_row_name
from tests.support.scoring_runs import CSV, copy_scored_home, count, drop, plan, run
from tests.support.small_home import ask, copy_home, copy_scoring_home, promote_small_model

LONG = "review_id,movie_id,text,rating\na,tt1,good film,8/10\nb,tt9," + "bad " * 50 + ",2/10\n"
EVERY = Choice()


def release_all(home: Home, choice: Choice = EVERY, encoding: str | None = "utf-8") -> str:
    said: list[str] = []
    release(home, ReleaseRequest(choice, "ann", load_settings().limits, encoding), said.append)
    return "\n".join(said)


def try_release(home: Home, choice: Choice = EVERY) -> str:
    """Return what is said of rows of which none is released."""
    said: list[str] = []
    with pytest.raises(ReviewsError, match="No row was released"):
        release(home, ReleaseRequest(choice, "ann", load_settings().limits, "utf-8"), said.append)
    return "\n".join(said)


@pytest.fixture
def long_row(home: Home) -> Home:
    """A home with a text of 200 characters quarantined as too long, which the settings now allow."""
    return copy_home(home, "long-row", fill_long_row)


def fill_long_row(home: Home) -> None:
    copy_scoring_home(home)
    drop(home, "long.csv", LONG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_MAX_TEXT_CHARS", "100")
        assert run().rows_quarantined == 1


@pytest.fixture
def released_home(empty_home: Home) -> Home:
    """The home of `long_row` after the release of its row."""

    def fill(made: Home) -> None:
        copy_home(made, "long-row", fill_long_row)
        assert "Released 1 row" in release_all(made)

    return copy_home(empty_home, "released", fill)


@pytest.mark.slow
def test_a_released_row_is_scored_as_its_file_has_it_and_marked_with_who_and_when(
    released_home: Home,
) -> None:
    query = (
        "select released_by, released_at between committed_at and now() "
        "from quarantined_rows join scored_files using (source_sha256)"
    )
    assert ask(released_home.published, query) == [("ann", True)]
    query = "select review_id, movie_id, given_rating, row_number from latest_scores where movie_id = 'tt9'"
    assert ask(released_home.published, query) == [("b", "tt9", 2.0, 2)]


@pytest.mark.slow
def test_a_released_row_is_scored_by_every_model_that_scored_its_file(long_row: Home) -> None:
    promote_small_model(long_row, seed=1)
    run(rescore=True)
    release_all(long_row)
    assert count(long_row, "scored_reviews where row_number = 2") == 2
    verify_home(long_row, lambda said: None)


@pytest.mark.slow
def test_a_later_model_scores_released_rows_too(released_home: Home) -> None:
    promote_small_model(released_home, seed=1)
    assert run(rescore=True).rows_rescored == 2
    verify_home(released_home, lambda said: None)


@pytest.mark.slow
def test_a_file_that_lost_a_score_releases_nothing_and_its_next_step_deletes_nothing(long_row: Home) -> None:
    with open_warehouse(long_row.warehouse, write=True) as connection:
        connection.execute("DELETE FROM scored_reviews")
    with pytest.raises(ContractError, match=r"No row was released\. Next: `reviews verify`") as caught:
        release_all(long_row)
    assert "delete" not in str(caught.value)
    assert count(long_row, "quarantined_rows where released_at is null") == 1


@pytest.mark.slow
def test_a_row_is_released_once(released_home: Home) -> None:
    assert "No quarantined row matches" in release_all(released_home)
    assert count(released_home, "scored_reviews") == 2


def test_a_row_that_still_breaks_a_rule_stays_and_is_named(scored_home: Home) -> None:
    assert re.search(r"stays +[0-9a-f]{12}:3 of a\.csv: still breaks text_blank", try_release(scored_home))
    assert count(scored_home, "quarantined_rows where released_at is null") == 1


@pytest.fixture
def undecodable_home(empty_home: Home) -> Home:
    """A home with files that have rows in other encodings than UTF-8."""
    one = '{"text": "good film"}\n{"text": "a good F\xfcller", "review_id": "u"}\n'.encode("latin-1")
    two = '{"text": "good F\xfcller"}\n{"text": "bad F\xfcller"}\n{"text": "a plot"}\n'.encode("latin-1")
    mixed = (b"text", b"good film", b"a good F\xfcller", "a good é bad ".encode() + b"\xfc")
    return copy_scored_home(
        empty_home, {"one.jsonl": one, "two.jsonl": two, "mixed.csv": b"\n".join(mixed) + b"\n"}
    )


@pytest.mark.slow
def test_undecodable_texts_are_released_in_the_encoding_that_is_named(undecodable_home: Home) -> None:
    of_one = Choice(uri="one.jsonl")
    assert "not valid utf-8" in try_release(undecodable_home, of_one)
    release_all(undecodable_home, of_one, encoding="latin-1")
    assert ask(undecodable_home.published, "select text from source_reviews where row_number = 2") == [
        ("a good Füller",)
    ]


@pytest.mark.slow
def test_undecodable_texts_are_released_in_the_encoding_of_their_sources_profile(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text of two columns is joined as in other rows; what was kept in UTF-8 is read in it."""
    scoring_home.sources.mkdir()
    profile = scoring_home.sources / "shop-a.toml"
    columns = '[columns]\ntext = ["title", "text"]\n'
    profile.write_text(columns)
    monkeypatch.setenv("REVIEWS_MAX_TEXT_CHARS", "30")
    long_text = "good film é, the plot, the plot".encode()
    drop(
        scoring_home, "shop-a/a.csv", b"title,text\nA f\xfcller,good\na,good\nb," + b'"' + long_text + b'"\n'
    )
    drop(
        scoring_home,
        "shop-a/a.jsonl",
        b'{"title": "A f\xfcller", "text": "good"}\n{"title": "a", "text": "good"}\n',
    )
    run()
    profile.write_text(columns + '[file]\nencoding = "cp1252"\n')
    monkeypatch.setenv("REVIEWS_MAX_TEXT_CHARS", "100")
    assert "Released 3 rows" in release_all(scoring_home, encoding=None)
    query = (
        "select text, released_by from source_reviews join quarantined_rows using (source_sha256, row_number)"
    )
    assert sorted(ask(scoring_home.published, query)) == [
        ("A füller\n\ngood", "ann (read as cp1252)"),
        ("A füller\n\ngood", "ann (read as cp1252)"),
        (f"b\n\n{long_text.decode()}", "ann"),
    ]


@pytest.mark.slow
def test_a_row_whose_text_was_not_kept_whole_is_sent_back_to_its_file(scoring_home: Home) -> None:
    drop(scoring_home, "a.csv", "text,movie_id\ngood film,tt1\nbad,tt1,more,fields\n")
    run()
    assert "correct it in its file" in try_release(scoring_home)


@pytest.mark.slow
def test_rows_are_chosen_by_rule_file_and_name(long_row: Home) -> None:
    drop(long_row, "blank.csv", CSV)
    run()
    for choice in (Choice(rule="text_blank"), Choice(uri="blank.csv")):
        try_release(long_row, choice)
    [(sha,)] = ask(
        long_row.warehouse, "select source_sha256 from quarantined_rows where rule = 'text_too_long'"
    )
    assert "Released 1 row" in release_all(long_row, Choice(rows=(parse_row_name(f"{sha[:12]}:2"),)))


@pytest.mark.slow
def test_of_a_file_only_the_row_that_is_named_is_released(undecodable_home: Home) -> None:
    [(sha,)] = ask(
        undecodable_home.warehouse, "select source_sha256 from scored_files where uri = 'two.jsonl'"
    )
    assert "Released 1 row" in release_all(undecodable_home, Choice(rows=((sha[:12], 2),)), "latin-1")
    found = ask(
        undecodable_home.published, f"select row_number from source_reviews where source_sha256 = '{sha}'"
    )
    assert sorted(found) == [(2,), (3,)]


def test_a_name_of_no_open_row_is_wrong_usage(long_row: Home) -> None:
    with pytest.raises(UsageError, match="no open rows have this name"):
        release_all(long_row, Choice(rows=(("0" * 12, 2),)))


def test_an_altered_model_releases_nothing(long_row: Home) -> None:
    [bundle] = long_row.bundles.iterdir()
    (bundle / "vocabulary.json").write_text("[]")
    with pytest.raises(BundleError, match="altered"):
        release_all(long_row)
    assert count(long_row, "quarantined_rows where released_at is null") == 1
    assert count(long_row, "scored_reviews") == 1


def test_the_list_names_rows_as_the_other_commands_take_them(long_row: Home) -> None:
    listed = "".join(query_published(long_row.published, list_query("text_too_long", None), "csv"))
    name = listed.splitlines()[1].split(",")[0]
    said = [*describe_row(long_row, name)]
    assert any(line.startswith("rule") and "text_too_long" in line for line in said)
    assert said[-1].startswith("bad bad")
    assert "".join(query_published(long_row.published, list_query("it's", None), "json")) == "[]\n"


@pytest.mark.slow
def test_each_row_of_a_chunk_is_set_aside_for_its_own_reason_and_can_be_released(scoring_home: Home) -> None:
    """The scorer raises an error for texts with `plot`, and gives those with `bad` no number."""
    [bundle] = scoring_home.bundles.iterdir()
    sound = load_scorer(bundle)

    def predict(encoded: EncodedReviews) -> np.ndarray:
        rows = [encoded.pad(np.array([row])) for row in range(len(encoded))]
        if any(sound.word_ids["plot"] in row for row in rows):
            raise RuntimeError("no such kernel")
        is_bad = np.array([sound.word_ids["bad"] in row for row in rows])
        return np.where(is_bad, np.nan, sound.predict(encoded))

    def score(scorer: Scorer, texts: EncodedTexts, *sources: object) -> ScoredTexts:
        return score_encoded(replace(sound, predict=predict), texts)

    texts = ["\U0001f60d", "good film", "bad plot", "映画", "bad film", "a plot", "\U0001f44e", "a film"]
    drop(scoring_home, "a.csv", "\n".join(["text", *texts]) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scored_rows, "score_encoded", score)
        run()
    found = ask(scoring_home.published, "select row_number, rule from quarantined_rows order by all")
    assert found == [
        (1, "text_no_known_word"),
        (3, "scorer_failed"),
        (4, "text_no_known_word"),
        (5, "scorer_failed"),
        (6, "scorer_failed"),
        (7, "text_no_known_word"),
    ]
    query = "select row_number, text from latest_scores order by all"
    assert ask(scoring_home.published, query) == [(2, "good film"), (8, "a film")]
    assert "Released 3 rows" in release_all(scoring_home, Choice(rule="scorer_failed"))


def test_a_scorer_that_fails_on_everything_stops_its_group_and_sets_nothing_aside(
    scoring_home: Home,
) -> None:
    def fail(scorer: Scorer, texts: object, *sources: object) -> None:
        raise RuntimeError("no such kernel")

    drop(scoring_home, "a.csv", CSV)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scored_rows, "score_encoded", fail)
        with pytest.raises(Exception, match="no such kernel"):
            run()
    assert count(scoring_home, "scored_files") == 0
    assert [file.why for file in plan().files] == ["new"]


UNKNOWN = "text,rating\ngood film,9\n見事な映画,9\n" + "\U0001f60d,10\n" * 20


@pytest.fixture
def unknown_home(home: Home) -> Home:
    """A home with a scored file; the model knows words of only one of its texts."""
    return copy_scored_home(home, {"a.csv": UNKNOWN})


@pytest.mark.slow
def test_a_text_without_a_known_word_refuses_no_file_and_stays_set_aside_at_a_release(
    unknown_home: Home,
) -> None:
    ledger = "select scored_files.status, counts->>'rows_scored' from scored_files, runs"
    assert ask(unknown_home.published, ledger) == [("scored", "1")]
    assert "still breaks text_no_known_word" in try_release(unknown_home)
    assert count(unknown_home, "quarantined_rows where released_at is null") == 21


@pytest.mark.slow
def test_what_a_scorer_makes_of_ctrl_c_is_not_tried_again_in_parts(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed = threading.Event()

    def press_once(scorer: Scorer, texts: EncodedTexts, *sources: object) -> ScoredTexts:
        if pressed.is_set():
            return score_encoded(scorer, texts)
        pressed.set()
        raise RuntimeError("interrupted")

    drop(scoring_home, "a.csv", "text\nbad plot\n")
    monkeypatch.setattr("tasks.support.interruption.INTERRUPTED", pressed)
    monkeypatch.setattr(scored_rows, "score_encoded", press_once)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert (count(scoring_home, "scored_files"), count(scoring_home, "quarantined_rows")) == (0, 0)
