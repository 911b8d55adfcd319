-- Which reviews have the largest share of words that the model does not know?
-- $at_least count = 20: leaves out reviews with fewer words
-- $limit count = 20: rows at most
SELECT
    review_id,
    movie_id,
    round(best_oov_rate, 3) AS oov_rate, -- 0 to 1
    best_token_count AS token_count, -- words of the whole text
    round(best_score, 3) AS score, -- P(positive), 0 to 1
    text
FROM source_reviews
WHERE is_latest AND best_model_id IS NOT NULL -- the rows of latest_scores
    AND best_token_count >= $at_least
ORDER BY best_oov_rate DESC, file_uri, row_number
LIMIT $limit;
