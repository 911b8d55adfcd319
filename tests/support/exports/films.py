"""Exports of film sites and of data sets of film reviews."""

# ruff: noqa: E501
# fmt: off

import io

import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.exports.files import bare, lines, table
from tests.support.exports.made_up import (
    Made,
    day,
    export,
    halves,
    imdb,
    label,
    quote,
    reviews,
    stars,
    tens,
    title,
    truth,
)


@export("letterboxd_reviews.csv")
def letterboxd() -> Made:
    """Letterboxd: half stars, a link for the review, the day of the entry and the day of the film."""
    rows = reviews(30)
    body = [[day(r), r.title, 2019 + r.film, f"https://boxd.it/{r.key}", halves(r), "", r.text, "", day(r)] for r in rows]
    return table(["Date", "Name", "Year", "Letterboxd URI", "Rating", "Rewatch", "Review", "Tags", "Watched Date"], body), truth(
        rows, movies=title, dates=day, ratings=halves, doubt=["ids"])


@export("imdb_ratings.csv")
def imdb_ratings() -> Made:
    """IMDb's list of ratings holds no review."""
    rows = reviews(20)
    header = ["Const", "Your Rating", "Date Rated", "Title", "Original Title", "URL", "Title Type", "IMDb Rating", "Runtime (mins)", "Year",
              "Genres", "Num Votes", "Release Date", "Directors"]
    body = [[r.imdb, r.stars * 2, day(r), r.title, r.title, f"https://www.imdb.com/title/{r.imdb}/", "Movie", 7.1, 110, 2020, "Drama, Comedy",
             1200, "2020-02-01", r.author] for r in rows]
    return table(header, body), truth([])


@export("imdb_list.csv")
def imdb_list() -> Made:
    """An IMDb list with the user's words as description, in cp1252."""
    rows = reviews(22, plain=True)
    header = ["Position", "Const", "Created", "Modified", "Description", "Title", "Original Title", "URL", "Title Type", "IMDb Rating",
              "Runtime (mins)", "Year", "Genres", "Num Votes", "Release Date", "Directors", "Your Rating", "Date Rated"]
    body = [[r.number, r.imdb, day(r), day(r), r.text, r.title, r.title, f"https://www.imdb.com/title/{r.imdb}/", "Movie", 7.1, 110, 2020,
             "Drama", 1200, "2020-02-01", r.author, r.stars * 2, day(r)] for r in rows]
    return table(header, body, encoding="cp1252"), truth(rows, movies=imdb, dates=day, ratings=tens, of=10, doubt=["ids"])


@export("rotten_tomatoes_critic_reviews.csv")
def rotten_critics() -> Made:
    """Rotten Tomatoes 2020: fresh or rotten, and scores on each paper's own scale."""
    rows = reviews(35)
    header = ["rotten_tomatoes_link", "critic_name", "top_critic", "publisher_name", "review_type", "review_score", "review_date",
              "review_content"]
    body = [[f"m/{r.title.lower().replace(' ', '_')}", r.author, r.number % 2 == 0, "Example Post", "Fresh" if r.good else "Rotten",
             (f"{r.stars}/5", f"{r.stars * 2}/10", "ABCDF"[5 - r.stars] + "-", "")[r.number % 4], day(r), r.text] for r in rows]
    return table(header, body), truth(rows, movies=lambda r: f"m/{r.title.lower().replace(' ', '_')}", dates=day, labels=label,
                                      doubt=["ratings"])


@export("rotten_tomatoes_movie_reviews.csv")
def rotten_2023() -> Made:
    """Rotten Tomatoes 2023: id is the film and reviewId the review."""
    rows = reviews(35)
    header = ["id", "reviewId", "creationDate", "criticName", "isTopCritic", "originalScore", "reviewState", "publicatioName", "reviewText",
              "scoreSentiment", "reviewUrl"]
    body = [[f"film_{r.film}", 2700000 + r.number, day(r), r.author, "False", f"{r.stars}/5", "fresh" if r.good else "rotten", "Example Post",
             r.text, "POSITIVE" if r.good else "NEGATIVE", f"http://example.com/{r.number}"] for r in rows]
    return table(header, body), truth(rows, ids=lambda r: str(2700000 + r.number), movies=lambda r: f"film_{r.film}", dates=day,
                                      labels=label, ratings=stars)


@export("IMDB Dataset.csv")
def imdb_kaggle() -> Made:
    """Kaggle's copy of the archive: line breaks as tags."""
    rows = reviews(40)
    body = [[r.text.replace("\n", "<br />"), "positive" if r.good else "negative"] for r in rows]
    return table(["review", "sentiment"], body), truth(rows, labels=label)


@export("train-00000-of-00001.parquet")
def hugging_face() -> Made:
    """A set of Hugging Face: a class label, named in the schema."""
    rows = reviews(40, blanks=False)
    names = '{"info": {"features": {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}}}'
    made = pa.table({"text": [r.text for r in rows], "label": pa.array([int(r.good) for r in rows], pa.int64())})
    out = io.BytesIO()
    pq.write_table(made.replace_schema_metadata({"huggingface": names}), out)
    return out.getvalue(), truth(rows, labels=label)


@export("yelp_review_full_test.parquet")
def five_classes() -> Made:
    """Five classes from 0 to 4: stars less one, which the file names only in its schema."""
    rows = reviews(30, blanks=False)
    made = pa.table({"label": pa.array([r.stars - 1 for r in rows], pa.int64()), "text": [r.text for r in rows]})
    names = '{"info": {"features": {"label": {"names": ["1 star", "2 star", "3 stars", "4 stars", "5 stars"], "_type": "ClassLabel"}}}}'
    out = io.BytesIO()
    pq.write_table(made.replace_schema_metadata({"huggingface": names}), out)
    return out.getvalue(), truth(rows, doubt=["labels", "ratings"])


@export("data-00000-of-00001.arrow")
def saved_to_disk() -> Made:
    """save_to_disk of Hugging Face: the streaming format of Arrow."""
    rows = reviews(30, blanks=False)
    made = pa.table({"text": [r.text for r in rows], "label": [int(r.good) for r in rows]})
    out = io.BytesIO()
    with pa.ipc.new_stream(out, made.schema) as writer:
        writer.write_table(made)
    return out.getvalue(), truth(rows, labels=label)


@export("rotten_tomatoes_test.jsonl")
def hub_lines() -> Made:
    rows = reviews(30, blanks=False)
    return lines({"text": r.text, "label": int(r.good), "label_text": "pos" if r.good else "neg"} for r in rows), truth(rows, labels=label)


@export("sst2_train.tsv")
def sst2() -> Made:
    """GLUE's SST-2: two columns, tabs, no quoting."""
    rows = reviews(30, flat=True, blanks=False)
    return bare(["sentence", "label"], [[r.text, int(r.good)] for r in rows]), truth(rows, labels=label)


@export("labeledTrainData.tsv")
def word2vec_kaggle() -> Made:
    """Kaggle's bag of words: quoted ids and quotes escaped by a backslash."""
    rows = reviews(30, flat=True, blanks=False)
    body = [[quote(f"{r.number}_{r.stars * 2}"), int(r.good), quote(r.text)] for r in rows]
    return bare(["id", "sentiment", "review"], body), truth(rows, ids=lambda r: f"{r.number}_{r.stars * 2}", labels=label)


@export("metacritic_user_reviews.csv")
def metacritic() -> Made:
    """Metacritic by a scraper: 0 to 10, dates in words."""
    rows = reviews(24)
    body = [[r.title, r.author, r.when.strftime("%b %-d, %Y"), r.stars * 2, r.text] for r in rows]
    return table(["movie", "username", "date", "userscore", "review"], body), truth(rows, movies=title, dates=day, ratings=tens, of=10)


@export("amazon_polarity_train.csv")
def polarity() -> Made:
    """Class, headline and body without a line of names: 2 is positive, which only its readme says."""
    rows = reviews(24, blanks=False)
    body = [[2 if r.good else 1, r.headline, r.text] for r in rows]
    return table(body[0], body[1:], quoting=1), truth(rows)


@export("train.ft.txt")
def fast_text() -> Made:
    """fastText: a label glued to the head of each line."""
    rows = reviews(24, flat=True, blanks=False)
    made = "".join(f"__label__{2 if r.good else 1} {r.headline}: {r.text}\n" for r in rows).encode()
    return made, truth(rows)
