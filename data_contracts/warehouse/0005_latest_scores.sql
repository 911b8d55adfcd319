-- The columns on which latest_scores rests. Whatever changes a row's place in that view sets them in the same
-- transaction (tasks/warehouse/latest_scores.py), so that queries need not find them by reading the whole history.

ALTER TABLE source_reviews RENAME TO source_reviews_before;

-- One row per accepted source row: source_sha256, row_number.
CREATE TABLE source_reviews (
    source_sha256 VARCHAR NOT NULL, -- of the file's original bytes; in a later reading, a dot and the version of the profile follow
    row_number BIGINT NOT NULL, -- from 1; counts bad rows too, and continues through the members of an archive
    member VARCHAR, -- name inside a zip or tar; null elsewhere
    review_id VARCHAR, -- null where the source names none
    movie_id VARCHAR, -- null where the source names none
    reviewed_at TIMESTAMPTZ, -- null where the source gives none
    text VARCHAR USING COMPRESSION zstd NOT NULL, -- the original text; zstd suits long texts
    text_sha256 VARCHAR NOT NULL, -- of the text's UTF-8 bytes
    given_label VARCHAR, -- 'positive' or 'negative' by the source; null where it gives none
    given_rating DOUBLE, -- 1 to 10 stars by the source; null where it gives none
    extra JSON, -- the source's other columns; null where there are none
    file_uri VARCHAR, -- the name under which its file was first committed
    file_seen_at TIMESTAMPTZ, -- when its file was first committed
    review_key UBIGINT, -- a number from review_id (where there is none: text_sha256) and movie_id, to find a review's rows
    is_latest BOOLEAN, -- whether it is the newest row of its review, as latest_scores defines it
    best_model_id VARCHAR, -- of the model promoted last of those that scored the row; null if none of them was promoted
    best_score DOUBLE, -- that model's score, as in scored_reviews; null likewise, as are the columns below
    best_sentiment VARCHAR, -- as in scored_reviews
    best_predicted_rating DOUBLE, -- as in scored_reviews
    best_token_count INTEGER, -- as in scored_reviews
    best_oov_rate FLOAT, -- as in scored_reviews
    best_truncated BOOLEAN, -- as in scored_reviews
    best_scored_at TIMESTAMPTZ -- as in scored_reviews
);

INSERT INTO source_reviews
WITH files AS (
    SELECT source_sha256, min(committed_at) AS seen_at, arg_min(uri, committed_at) AS uri
    FROM scored_files WHERE status = 'scored' GROUP BY source_sha256
),
newest AS (
    SELECT arg_max(review.rowid, row(
        CASE WHEN isfinite(reviewed_at) THEN reviewed_at ELSE seen_at END, seen_at, uri, source_sha256, row_number
    )) AS place
    FROM source_reviews_before AS review JOIN files USING (source_sha256)
    GROUP BY review_id, CASE WHEN review_id IS NULL THEN text_sha256 END, movie_id
),
model_ranks AS (
    SELECT model_id, max(number) AS model_rank FROM promotions GROUP BY model_id
),
best AS (
    SELECT source_sha256, row_number, unnest(arg_max(struct_pack(
        model_id := model_id, score := score, sentiment := sentiment, predicted_rating := predicted_rating,
        token_count := token_count, oov_rate := oov_rate, truncated := truncated, scored_at := scored_at
    ), model_rank))
    FROM scored_reviews JOIN model_ranks USING (model_id) GROUP BY source_sha256, row_number
)
SELECT
    review.*,
    files.uri,
    files.seen_at,
    md5_number_lower(coalesce('id ' || review_id, 'text ' || text_sha256) || chr(31) || coalesce(movie_id, chr(30))),
    newest.place IS NOT NULL,
    best.* EXCLUDE (source_sha256, row_number)
FROM source_reviews_before AS review
LEFT JOIN files USING (source_sha256)
LEFT JOIN newest ON newest.place = review.rowid
LEFT JOIN best USING (source_sha256, row_number);

DROP TABLE source_reviews_before;
