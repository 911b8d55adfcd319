-- Which rows were scored in a run or of the files of a week, which of them count, and which may judge the model?
WITH scores AS (
    FROM scored_reviews SEMI JOIN (FROM "period-files" WHERE status = 'scored' AND NOT of_week)
    USING (source_sha256, model_id, run_id)
    UNION ALL
    -- A row that was quarantined and released was scored by a run of its own.
    FROM scored_reviews SEMI JOIN (FROM "period-files" WHERE status = 'scored' AND of_week)
    USING (source_sha256, model_id)
    WHERE scored_at <= (SELECT ends FROM "period-span")
),
found AS (
    SELECT
        scores.*, review.rowid AS position, review_id, movie_id, given_rating, text_sha256, near_key, file_source,
        coalesce(
            given_label, CASE WHEN given_rating >= 7 THEN 'positive' WHEN given_rating <= 4 THEN 'negative' END
        ) AS verdict, -- of the writer
        counts IS DISTINCT FROM false AS counts,
        coalesce(file_seen_at > own_labels_until, true) AS can_judge, -- the model has not learnt from it
        counts IS DISTINCT FROM false AND can_judge AND (given_label IS NOT NULL OR given_rating IS NOT NULL)
            AS may_judge,
        row(scored_at, source_sha256, row_number) AS place
    FROM scores LEFT JOIN source_reviews AS review USING (source_sha256, row_number) LEFT JOIN models USING (model_id)
),
-- Of near-copies in a source only the one that a model scored first judges it, in whichever run, as in live_accuracy.
firsts AS (
    SELECT near_key, file_source, model_id, min(place) AS first_place FROM (
        SELECT near_key, file_source, model_id, place FROM found WHERE may_judge
        UNION ALL
        SELECT near_key, file_source, best_model_id, row(best_scored_at, source_sha256, row_number)
        FROM source_reviews LEFT JOIN models ON model_id = best_model_id
        ANTI JOIN (FROM scored_files WHERE superseded_at IS NOT NULL) AS superseded USING (source_sha256)
        WHERE (given_label IS NOT NULL OR given_rating IS NOT NULL)
            AND coalesce(file_seen_at > own_labels_until, true)
            AND near_key IN (SELECT key FROM repeated_keys WHERE kind = 'near') AND near_key IN (SELECT near_key FROM found WHERE may_judge)
    ) WHERE near_key IS NOT NULL GROUP BY ALL
)
SELECT
    found.* EXCLUDE (file_source, place, near_key, may_judge),
    may_judge AND coalesce(place = first_place, true) AS judges -- its verdict or rating counts for the model
FROM found LEFT JOIN firsts
    ON may_judge AND found.near_key = firsts.near_key
    AND found.file_source IS NOT DISTINCT FROM firsts.file_source AND found.model_id = firsts.model_id;
