-- Which reviews contain these words, or have them as review_id?
-- $words text: the exact words; upper and lower case are the same in a text
-- $limit count = 20: rows at most
SELECT
    review_id,
    movie_id,
    sentiment,
    round(score, 3) AS score, -- P(positive), 0 to 1
    uri,
    row_number,
    substr(text, greatest(1, instr(lower(text), lower($words)) - 30), 80) AS excerpt
FROM latest_scores
WHERE contains(lower(text), lower($words)) OR review_id = $words
ORDER BY coalesce(reviewed_at, scored_at) DESC, uri, row_number
LIMIT $limit;
