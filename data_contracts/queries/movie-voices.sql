-- Which reviews speak most clearly for a movie and against it, and of which is the model least sure?
-- $movie text = none: only of the movie with this movie_id
-- $limit count = 3: reviews at most of each kind, each text once
WITH kinds AS (
    SELECT
        movie_id, rowid AS place,
        CASE WHEN best_score >= 0.75 THEN 'clearly for it' WHEN best_score <= 0.25 THEN 'clearly against it'
            ELSE 'in doubt' END AS kind,
        CASE kind WHEN 'clearly for it' THEN -best_score WHEN 'clearly against it' THEN best_score ELSE abs(best_score - 0.5) END AS rank
    FROM source_reviews
    WHERE is_latest AND best_model_id IS NOT NULL -- as in latest_scores
    AND movie_id IS NOT NULL AND ($movie IS NULL OR movie_id = $movie)
    QUALIFY row_number() OVER (PARTITION BY movie_id, kind, text_sha256 ORDER BY rank, place) = 1
),
-- Texts are read by their places, which is fast.
picked AS MATERIALIZED (
    FROM kinds QUALIFY row_number() OVER (PARTITION BY movie_id, kind ORDER BY rank, place) <= $limit
)
SELECT
    review.movie_id,
    kind, -- 'clearly for it' from a score of 0.75 on, 'clearly against it' up to 0.25, else 'in doubt'
    left(source_sha256, 12) || ':' || row_number AS row_name,
    best_score AS score, -- P(positive), 0 to 1
    best_sentiment AS sentiment,
    best_predicted_rating AS stars, -- 1 to 10, by the model
    given_rating, -- 1 to 10 stars by its writer
    review_id,
    file_uri AS uri,
    CASE WHEN isfinite(reviewed_at) THEN strftime(make_timestamp(epoch_us(reviewed_at)), '%Y-%m-%d') END AS written_on,
    left(text, 1000) AS text,
    length(text) AS characters -- of the whole text
FROM picked JOIN source_reviews AS review ON review.rowid = place
ORDER BY review.movie_id, kind, rank, place;
