-- Which reviews have the largest share of words that the model does not know?
-- $at_least count = 20: leaves out reviews with fewer words
-- $limit count = 20: rows at most
SELECT
    latest.review_id,
    latest.movie_id,
    round(oov_rate, 3) AS oov_rate, -- 0 to 1
    token_count, -- words of the whole text
    round(latest.score, 3) AS score, -- P(positive), 0 to 1
    latest.text
FROM latest_scores AS latest
JOIN scored_reviews AS scored USING (source_sha256, row_number, model_id)
WHERE token_count >= $at_least
ORDER BY scored.oov_rate DESC, latest.uri, latest.row_number
LIMIT $limit;
