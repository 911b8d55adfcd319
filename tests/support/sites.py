"""Makes homes with scored reviews of movies, and reads the site that is made of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from data_contracts.storage.home import Home
from tasks.site.writing import write_site
from tests.support.once import copy_once
from tests.support.parsed_pages import Page
from tests.support.report_homes import NEXT_RUN, RUN, change, make_bundle_facts, make_run, promote
from tests.support.warehouse_parts import PartFile

ROWS = [
    {"movie_id": "tt0000001", "score": 0.9, "text": "a good film", "given_rating": 9.0},
    {"movie_id": "tt0000001", "score": 0.1, "text": "a bad film", "given_rating": 2.0},
    {"movie_id": "tt0000002", "score": 0.5, "text": "a film"},
]


def make_site_home(folder: Path, rows: list[dict[str, object]] | None = None) -> Home:
    """Make a home with a promoted model and the reviews of one file; each call with the same rows is a copy."""
    files = [PartFile("monday.csv", ROWS if rows is None else rows)]
    copy_once(("site", files), folder, lambda made: promote(make_run(made, files, RUN)))
    return Home(folder)


def add_rows(home: Home, rows: list[dict[str, object]]) -> None:
    """Commit and publish a further file."""
    make_run(home.folder, [PartFile("tuesday.csv", rows)], NEXT_RUN)


def add_challenger(warehouse: Path, model_id: str, words: str = "a reason") -> None:
    """Record a second model, once the champion and now a shadow in trouble; `words` are the reason and the trouble."""
    change(warehouse, *list_challenger(model_id, words))


def list_challenger(model_id: str, words: str = "a reason") -> tuple[str, ...]:
    """Return the SQL of `add_challenger`."""
    metrics = json.dumps({"evaluations": make_bundle_facts()["metrics"]})
    name, why, metrics = (f"""'{text.replace("'", "''")}'""" for text in (model_id, words, metrics))
    scored = "score, sentiment, predicted_rating, token_count, oov_rate, truncated, run_id, scored_at"
    return (
        f"INSERT INTO models SELECT * REPLACE ({name} AS model_id, {metrics} AS metrics) FROM models LIMIT 1",
        f"INSERT INTO promotions VALUES (2, 'promote', {name}, {why}, 'model-a', now(), NULL, NULL)",
        f"INSERT INTO promotions VALUES (3, 'rollback', 'model-a', 'went back', {name}, now(), NULL, NULL)",
        f"INSERT INTO shadows VALUES (1, {name}, now(), 'ann', now(), NULL, NULL, NULL, {why}, now())",
        f"INSERT INTO shadow_files SELECT source_sha256, {name}, 1, run_id, committed_at FROM scored_files",
        f"INSERT INTO shadow_scores SELECT source_sha256, row_number, {name}, {scored} FROM scored_reviews",
    )


def write_pages(home: Home) -> Path:
    """Write the site into a folder of the home, and return that."""
    return write_site(home, home.folder / "written").index.parent


def read_pages(folder: Path) -> dict[str, Page]:
    """Return all pages of a folder, parsed, by their path in it."""
    paths = sorted(folder.rglob("*.html"))
    return {path.relative_to(folder).as_posix(): Page(path.read_text("utf-8")) for path in paths}


def list_broken_links(folder: Path) -> Iterator[str]:
    """Yield what the pages of a folder link or load that is not in it."""
    for name, page in read_pages(folder).items():
        for link in page.values("href") + page.values("src"):
            target = (folder / name).parent / unquote(link)
            is_inside = target.resolve().is_relative_to(folder.resolve())
            if not link.startswith(("#", "data:")) and not (is_inside and target.is_file()):
                yield f"{name}: {link}"
