"""Dumps of databases and of frames."""

# ruff: noqa: E501
# fmt: off

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import tempfile
from pathlib import Path

import fastavro
import pandas as pd
import pyarrow as pa
from pyarrow import orc

from tests.support.exports.files import bare, lines, table
from tests.support.exports.made_up import (
    Made,
    Review,
    day,
    export,
    imdb,
    key,
    label,
    movie,
    number,
    quote,
    reviews,
    second,
    spaced,
    stars,
    tens,
    title,
    truth,
)
from tests.support.review_file_builders import to_zip

SPACE = "%Y-%m-%d %H:%M:%S"


@export("psql_copy.csv")
def psql_csv() -> Made:
    r"""psql's \copy with csv, a header and \N for null."""
    rows = reviews(30)
    body = [[r.number, r.movie, r.text or r"\N", r"\N" if r.number == 15 else r.stars, r.when.strftime(SPACE + "+00")] for r in rows]
    return table(["id", "movie_id", "body", "rating", "created_at"], body), truth(
        rows, ids=number, movies=movie, dates=second, ratings=lambda r: None if r.number == 15 else float(r.stars))


@export("psql_copy_text.tsv")
def psql_text() -> Made:
    r"""COPY as text with a header: tabs, \n and \t and \\ written with a backslash, \N for null."""
    rows = reviews(30)
    body = [[r.number, r.movie, r.text.replace("\n", r"\n").replace("\t", r"\t") or r"\N", r.stars, spaced(r)] for r in rows]
    return bare(["review_id", "movie_id", "review_text", "rating", "created_at"], body), truth(
        rows, ids=number, movies=movie, dates=second, ratings=stars)


@export("mysql_outfile.csv")
def mysql_outfile() -> Made:
    r"""INTO OUTFILE: quotes escaped by a backslash, line breaks behind one, \N for null; names put on top."""
    rows = reviews(30)
    body = [[r.number, quote(r.movie), quote(r.text) if r.text else r"\N", r.stars, quote(spaced(r))] for r in rows]
    return bare(['"id"', '"movie_id"', '"comment"', '"rating"', '"created_at"'], body, ","), truth(
        rows, ids=number, movies=movie, dates=second, ratings=stars)


@export("mysql_batch.tsv")
def mysql_batch() -> Made:
    r"""mysql -B: tabs, \n for a line break and the word NULL."""
    rows = reviews(26)
    body = [[r.number, r.movie, r.text.replace("\n", r"\n").replace("\t", r"\t") or "NULL", r.stars, spaced(r)] for r in rows]
    return bare(["review_id", "movie_id", "review", "rating", "created_at"], body), truth(
        rows, ids=number, movies=movie, dates=second, ratings=stars)


@export("mysqldump_tab.txt")
def no_names() -> Made:
    """mysqldump --tab writes no line of names."""
    rows = reviews(20, flat=True, blanks=False)
    body = [[r.number, r.movie, r.text, r.stars, spaced(r)] for r in rows]
    return bare(body[0], body[1:]), truth(rows)


@export("bq-results-20240301.json.gz")
def bigquery() -> Made:
    """BigQuery's extract: numbers as strings, times with UTC in words."""
    rows = reviews(40)
    made = lines({"review_id": str(r.number), "product_id": r.movie, "rating": str(r.stars), "review_text": r.text,
                  "created_at": r.when.strftime(SPACE + " UTC"), "tags": []} for r in rows)
    return gzip.compress(made), truth(rows, ids=number, movies=movie, dates=second, ratings=stars)


@export("part-00000-3f1c-c000.json")
def spark() -> Made:
    """Spark: JSON lines under .json that leave out what is null."""
    rows = reviews(30)
    made = lines({"reviewId": r.key, "movieId": r.imdb, **({"reviewText": r.text} if r.text else {}), "stars": r.stars,
                  "ts": r.when.strftime("%Y-%m-%dT%H:%M:%S.000Z")} for r in rows)
    return made, truth(rows, ids=key, movies=imdb, dates=second, ratings=stars)


@export("jq_pretty.json")
def pretty() -> Made:
    """jq's output: objects over several lines, one behind the other, in no list."""
    rows = reviews(16)
    made = "\n".join(json.dumps({"id": r.key, "movie": r.title, "review": r.text, "rating": r.stars, "date": day(r)}, indent=2) for r in rows)
    return (made + "\n").encode(), truth(rows, ids=key, movies=title, dates=day, ratings=stars)


@export("mongoexport.json")
def mongo() -> Made:
    """mongoexport: types as objects with a dollar."""
    rows = reviews(22)
    made = lines({"_id": {"$oid": f"65b2{r.number:020x}"}, "movie_id": r.imdb, "text": r.text, "rating": {"$numberInt": str(r.stars)},
                  "date": {"$date": r.when.strftime("%Y-%m-%dT%H:%M:%SZ")}} for r in rows)
    return made, truth(rows, ids=lambda r: f"65b2{r.number:020x}", movies=imdb, dates=second, ratings=stars)


@export("elasticdump.jsonl")
def elastic() -> Made:
    """elasticdump: the document under _source, the id beside."""
    rows = reviews(22)
    made = lines({"_index": "reviews", "_id": r.key, "_score": 1, "_source": {
        "product": r.movie, "comment": r.text, "stars": r.stars, "@timestamp": r.when.strftime("%Y-%m-%dT%H:%M:%S.000Z")}} for r in rows)
    return made, truth(rows, ids=key, movies=movie, dates=second, ratings=stars)


@export("kafka_reviews.avro")
def avro() -> Made:
    """Avro: unions with null and microseconds."""
    rows = reviews(25)
    schema = {"type": "record", "name": "Review", "fields": [
        {"name": "reviewId", "type": "string"}, {"name": "productId", "type": ["null", "string"]}, {"name": "body", "type": ["null", "string"]},
        {"name": "rating", "type": ["null", "int"]}, {"name": "createdAt", "type": {"type": "long", "logicalType": "timestamp-micros"}}]}
    out = io.BytesIO()
    fastavro.writer(out, schema, [{"reviewId": r.key, "productId": r.movie, "body": r.text or None, "rating": r.stars, "createdAt": r.when}
                                  for r in rows], codec="deflate")
    return out.getvalue(), truth(rows, ids=key, movies=movie, dates=second, ratings=stars)


@export("hive_reviews.orc")
def hive() -> Made:
    rows = reviews(25)
    made = pa.table({"review_id": [r.key for r in rows], "item_id": [r.movie for r in rows], "review_text": [r.text or None for r in rows],
                     "stars": pa.array([r.stars for r in rows], pa.int8()), "review_ts": pa.array([r.when.replace(tzinfo=None) for r in rows], pa.timestamp("ms"))})
    out = io.BytesIO()
    orc.write_table(made, out)
    return out.getvalue(), truth(rows, ids=key, movies=movie, dates=second, ratings=stars)


def frame(rows: list[Review]) -> pd.DataFrame:
    return pd.DataFrame({"movie_id": [r.imdb for r in rows], "review": [r.text or None for r in rows], "rating": [r.stars * 2 for r in rows],
                         "date": [day(r) for r in rows]})


@export("pandas_twice.csv")
def pandas_twice() -> Made:
    """A frame saved with its index, read and saved again."""
    rows = reviews(28)
    made = frame(rows)
    made.insert(0, "Unnamed: 0", range(len(rows)))
    return made.to_csv().encode(), truth(rows, movies=imdb, dates=day, ratings=tens, of=10, doubt=["ids"])


@export("pandas_columns.json")
def pandas_json() -> Made:
    """pandas' to_json as it comes: a column is an object from row to value."""
    rows = reviews(28)
    return frame(rows).to_json().encode(), truth(rows, movies=imdb, dates=day, ratings=tens, of=10, doubt=["ids"])


@export("pandas_index.parquet")
def pandas_parquet() -> Made:
    """A filtered frame: its index stays as __index_level_0__."""
    rows = reviews(28)
    out = io.BytesIO()
    frame(rows).iloc[::-1].sort_index().set_index(pd.Index(range(3, 31))).to_parquet(out)
    return out.getvalue(), truth(rows, movies=imdb, dates=day, ratings=tens, of=10, doubt=["ids"])


@export("reviews_dump.csv.bz2")
def bto_zip() -> Made:
    rows = reviews(30)
    body = [[r.key, r.movie, r.text, r.stars * 20, day(r)] for r in rows]
    return bz2.compress(table(["review_id", "movie_id", "text", "score_100", "date"], body)), truth(
        rows, ids=key, movies=movie, dates=day, ratings=lambda r: r.stars * 20.0, of=100)


@export("reviews_dump.jsonl.xz")
def xto_zip() -> Made:
    rows = reviews(30)
    made = lines({"id": r.key, "movie_id": r.movie, "text": r.text, "thumb": "up" if r.good else "down", "date": int(r.when.timestamp())}
                 for r in rows)
    return lzma.compress(made), truth(rows, ids=key, movies=movie, dates=second, labels=label)


@export("archive.zip")
def kaggle_zip() -> Made:
    """A zip made on a Mac: the file, its shadow and a readme."""
    rows = reviews(30)
    body = [[r.key, r.movie, r.text, r.stars, day(r)] for r in rows]
    made = table(["review_id", "movie_id", "review", "rating", "date"], body)
    return to_zip({"export/reviews.csv": made, "__MACOSX/export/._reviews.csv": b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X"}), truth(
        rows, ids=key, movies=movie, dates=day, ratings=stars)


@export("reviews.sqlite")
def sqlite() -> Made:
    """A database file of an app."""
    rows = reviews(20)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x")
        base = sqlite3.connect(path)
        base.execute("create table reviews (id integer primary key, movie_id text, body text, rating int, created_at text)")
        base.executemany("insert into reviews values (?,?,?,?,?)", [(r.number, r.movie, r.text, r.stars, spaced(r)) for r in rows])
        base.commit()
        base.close()
        return path.read_bytes(), truth(rows)


@export("disqus.xml")
def disqus() -> Made:
    """Disqus exports XML."""
    rows = reviews(12, flat=True, blanks=False)
    posts = "".join(f'<post dsq:id="{r.number}"><message><![CDATA[<p>{r.text}</p>]]></message><createdAt>{day(r)}</createdAt></post>' for r in rows)
    made = f'<?xml version="1.0" encoding="utf-8"?><disqus xmlns="http://disqus.com" xmlns:dsq="http://disqus.com/disqus-internals">{posts}</disqus>'
    return made.encode(), truth(rows)
