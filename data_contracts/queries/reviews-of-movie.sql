-- What do the reviews of one movie say, the newest first?
-- $movie text: its movie_id
-- $limit count = 20: rows at most
SELECT
    review_id,
    reviewed_at,
    sentiment,
    round(score, 3) AS score, -- P(positive), 0 to 1
    round(predicted_rating, 1) AS predicted_rating,
    given_rating,
    text
FROM latest_scores
WHERE movie_id = $movie
ORDER BY coalesce(reviewed_at, scored_at) DESC, uri, row_number
LIMIT $limit;
