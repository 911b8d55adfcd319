-- What do the current reviews of each source say, and how often does the model agree with their writers, all sources first?
WITH current AS (
    SELECT
        coalesce(file_source, 'default') AS source,
        best_sentiment AS sentiment,
        best_predicted_rating AS stars,
        best_scored_at AS scored_at,
        -- What a model may have learnt from does not judge it, as in live_accuracy.
        coalesce(file_seen_at > own_labels_until, true) AS can_judge,
        coalesce(
            given_label, CASE WHEN given_rating >= 7 THEN 'positive' WHEN given_rating <= 4 THEN 'negative' END
        ) AS verdict,
        CASE WHEN can_judge THEN verdict END AS label,
        CASE WHEN can_judge THEN given_rating END AS given_stars
    FROM source_reviews LEFT JOIN models ON model_id = best_model_id
    WHERE is_latest AND best_model_id IS NOT NULL -- as in latest_scores
),
counted AS (
    SELECT
        source, count(*) AS reviews, avg((sentiment = 'positive')::INTEGER) AS share_positive, avg(stars) AS stars,
        count(label) AS judged, count(verdict) - count(label) AS learnt,
        avg((sentiment = label)::INTEGER) AS accuracy, avg(abs(stars - given_stars)) AS stars_off,
        max(scored_at) AS last_scored_at
    FROM current GROUP BY ROLLUP (source)
),
uncounted AS (
    SELECT coalesce(file_source, 'default') AS source, count(*) AS not_counted
    FROM source_reviews WHERE is_latest AND NOT counts GROUP BY ROLLUP (coalesce(file_source, 'default'))
),
known AS (
    SELECT DISTINCT coalesce(source, 'default') AS source
    FROM scored_files WHERE status = 'scored' AND superseded_at IS NULL
    UNION ALL SELECT NULL
),
drifted AS (
    SELECT source, list(measure ORDER BY measure) FILTER (NOT success) AS drifted FROM (
        SELECT source, columns AS measure, success FROM contract_results WHERE boundary = 'drift' AND source IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY source, columns ORDER BY checked_at DESC) = 1
    ) GROUP BY source
)
SELECT
    known.source, -- a folder of the inbox, or 'default'; null over all
    coalesce(reviews, 0) AS reviews, -- rows of latest_scores
    coalesce(not_counted, 0) AS not_counted, -- newest rows that are surely not in English, which nothing counts
    share_positive, -- 0 to 1
    stars, -- 1 to 10, by the model, on average
    accuracy, -- share called right of those whose writers gave a verdict, 0 to 1
    coalesce(judged, 0) AS judged, -- these reviews
    coalesce(learnt, 0) AS learnt, -- reviews with a verdict that the model may have learnt from
    stars_off, -- mean absolute error over those whose writers gave stars
    drifted, -- the measures that drifted in the last run that was checked
    drifted.source IS NOT NULL AS is_compared, -- with its own past
    sent.last_file_at,
    coalesce(is_late, false) AS is_late,
    last_scored_at
FROM known
LEFT JOIN counted ON counted.source IS NOT DISTINCT FROM known.source
LEFT JOIN uncounted ON uncounted.source IS NOT DISTINCT FROM known.source
LEFT JOIN (SELECT source, max(last_file_at) AS last_file_at FROM source_days GROUP BY source) AS sent
    ON sent.source = known.source
LEFT JOIN drifted ON drifted.source = known.source
LEFT JOIN deliveries ON deliveries.source = known.source
WHERE EXISTS (FROM scored_files)
ORDER BY known.source IS NOT NULL, coalesce(reviews, 0) + coalesce(not_counted, 0) DESC, known.source;
