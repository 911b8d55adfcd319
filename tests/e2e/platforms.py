"""Drops exports of ten platforms into ten sources, and compares what was scored with what a person would say."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.e2e.conftest import call_reviews
from tests.e2e.deployed import Deployed
from tests.support.exports.collected import EXPORTS
from tests.support.exports.compared import FIELDS, clean, compare_all
from tests.support.exports.made_up import Truth

SOURCES = {
    "amazon": "amazon_reviews_us_Digital_Video_v1_00.tsv.gz",
    "app-store": "app_store_connect_customerReviews.json",
    "google-play": "reviews_com.example.app_202401.csv",
    "letterboxd": "letterboxd_reviews.csv",
    "mysql": "mysql_batch.tsv",
    "qualtrics": "qualtrics_survey.csv",
    "rotten-tomatoes": "rotten_tomatoes_movie_reviews.csv",
    "steam": "steam_appreviews.json",
    "survey-monkey": "surveymonkey.csv",
    "yotpo": "yotpo_reviews.csv",
}
PROFILES = {"mysql": (), "survey-monkey": ("--text", "What did you think of the film?")}
"""Source -> what `reviews sources init` is told beside the file; stars that may be of five stay in doubt."""


def drop_exports(home: Path) -> dict[str, Truth]:
    """Put ten exports into the folders of their sources; return what a person would say of each."""
    return {source: _drop_export(home, source, name) for source, name in SOURCES.items()}


def _drop_export(home: Path, source: str, name: str) -> Truth:
    """Put an export into the folder of its source, after a profile was made of it if it needs one."""
    content, truth = next(each for each in EXPORTS if each.name == name).make()
    path = home / "inbox" / source / name
    path.parent.mkdir()
    path.write_bytes(content)
    if source in PROFILES:
        done = call_reviews(home, "sources", "init", source, path, "--yes", *PROFILES[source])
        assert done.status == 0, done.err
    return truth


def compare_source(up: Deployed, source: str, truth: Truth) -> None:
    """Compare the scored rows of a source with what a person would say, but for texts that the model can't read."""
    names = ("text", "review_id", "movie_id", "reviewed_at", "given_rating", "given_label")
    found = up.ask(
        f"select {', '.join(names)}, null from scored_reviews scored join source_reviews "
        f"using (source_sha256, row_number) where scored.source = '{source}' order by row_number"
    )
    rows = [dict(zip((*names, "rule"), row, strict=True)) for row in found]
    unread = up.ask(
        "select decode(raw) from quarantined_rows where rule = 'text_no_known_word' "
        f"and uri like '{source}/%'"
    )
    compare_all(_drop_texts(truth, {clean(text) for (text,) in unread}), rows, _list_left(source))


def _drop_texts(truth: Truth, texts: set[str]) -> Truth:
    """Return what a person would say of the reviews but those with these texts."""
    kept = [clean(text) not in texts for text in truth.texts]

    def choose(values: list[Any] | None) -> list[Any] | None:
        return None if values is None else [value for value, keep in zip(values, kept, strict=True) if keep]

    chosen: dict[str, Any] = {field: choose(getattr(truth, field)) for field in ("texts", *FIELDS)}
    return replace(truth, **chosen)


def _list_left(source: str) -> tuple[str, ...]:
    return ("ratings",) if source in PROFILES else ()
