"""`reviews demo`: the whole pipeline on a small generated archive, in a home of its own, offline."""

import sys
from collections.abc import Callable

from data_contracts.errors import UsageError
from deployments.settings import load_settings
from flows.command.flow_summaries import describe_ingest, describe_training
from flows.ingest_reviews import ingest_reviews
from flows.score_reviews import score_reviews
from flows.scoring_message import describe_scoring
from flows.train_model import train_model
from tasks.archive.parquet_files import read_provenance, read_split
from tasks.archive.sample import put_demo_files, write_sample_archive
from tasks.queries.run_query import write_answer
from tasks.support.wording import quote_word
from tasks.warehouse.model_registry import find_champion

QUESTIONS = {
    "Which reviews are the most positive?": """
        select review_id, movie_id, round(score, 3) as score, sentiment, round(predicted_rating, 1) as stars,
               left(text, 50) as text
        from latest_scores order by latest_scores.score desc limit 5""",
    "What do the reviews say of each movie?": """
        select movie_id, reviews, round(rating, 2) as stars, round(share_positive, 2) as positive
        from movie_ratings order by reviews desc, movie_id limit 8""",
    "Which rows were quarantined, and why?": "select uri, row_number, rule, detail from quarantined_rows",
}

DEMO_VARIANT = "cnn_lstm"
"""Trained within a minute or two, where the default takes a third of an hour."""


def run_demo(echo: Callable[[str], None]) -> None:
    """Ingest, train and score the sample archive in the home of the settings, then print the answers to `QUESTIONS`.

    Run again, it scores nothing twice. Raises `UsageError` if the home holds real reviews.
    """
    settings = load_settings()
    settings.home.make()
    provenance = read_provenance(settings.home.reviews)
    if provenance is not None and provenance.dataset != "sample":
        raise UsageError(
            f"{settings.home.folder} holds real reviews; the demo would mix generated reviews with them. Next: name "
            "another folder: `reviews --home FOLDER demo`."
        )
    echo(f"This demo runs on generated reviews, not on real ones. Its home is {settings.home.folder}\n")
    archive = settings.home.archive / "sample_reviews.tar.gz"
    if not archive.exists():
        write_sample_archive(archive)
    echo(describe_ingest(ingest_reviews(archive=str(archive))) + "\n")
    champion = find_champion(settings.home.warehouse)
    if champion is None:
        echo(describe_training(train_model(DEMO_VARIANT)) + "\n")
    else:
        echo(f"Trained already: {champion.model_id} (remove {settings.home.folder} to start again)\n")
    put_demo_files(settings.home.inbox, read_split(settings.home.reviews, "test").to_pylist())
    echo(describe_scoring(score_reviews()))
    for question, query in QUESTIONS.items():
        echo(f"\n{question}")
        write_answer(settings.home.published, query, "table", sys.stdout)
    echo(f'\nAsk more: reviews --home {quote_word(str(settings.home.folder))} sql "from movie_ratings"')
    echo(f"The reports of both runs: {settings.home.reports}")
    echo(f"Look at the movies in a browser: reviews --home {quote_word(str(settings.home.folder))} site")
