"""The keys of the assets in Prefect from the archive to the scores: `@materialize` marks the task that makes one."""

ARCHIVE = "reviews://archive"
PARQUET = "reviews://parquet"
BUNDLE = "reviews://bundle"
INBOX = "reviews://inbox"
SCORES = "duckdb://reviews/scored_reviews"
