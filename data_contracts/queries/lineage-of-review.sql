-- Where does a review come from, and which model and run gave each of its scores?
-- $review text: its review_id, or a row's name such as 3fa94c12ab07:17
SELECT
    review.review_id,
    files.uri,
    review.member, -- inside a zip or tar
    left(review.source_sha256, 12) || ':' || review.row_number AS "row",
    scored.model_id,
    round(scored.score, 3) AS score, -- P(positive), 0 to 1
    scored.sentiment,
    scored.scored_at,
    scored.run_id,
    runs.flow,
    runs.code_version,
    models.dataset,
    left(models.bundle_fingerprint, 12) AS bundle_fingerprint,
    files.profile_version, -- of the profile by which the file was read; null where its source had none
    files.superseded_at -- when another reading of the file took its place; null while it counts
FROM source_reviews AS review
JOIN scored_reviews AS scored USING (source_sha256, row_number)
LEFT JOIN scored_files AS files USING (source_sha256, model_id)
LEFT JOIN runs ON runs.run_id = scored.run_id
LEFT JOIN models USING (model_id)
WHERE review.review_id = $review
    OR (
        length($review) > 12
        AND starts_with(review.source_sha256, split_part($review, ':', 1))
        AND review.row_number = try_cast(split_part($review, ':', 2) AS BIGINT)
    )
ORDER BY scored.scored_at DESC, "row", scored.model_id;
