WITH files AS (
    -- As in live_accuracy: source_number + row_number is a row's own number. Of few files few rows are joined.
    SELECT source_sha256, row_number() OVER (ORDER BY source_sha256) * 68719476736 AS source_number
    FROM shadow_scores GROUP BY source_sha256
),
shadow AS (
    SELECT source_number + row_number AS row_id, model_id, score, sentiment, predicted_rating
    FROM shadow_scores JOIN files USING (source_sha256)
),
other AS (
    SELECT source_number + row_number AS row_id, model_id, score, sentiment, predicted_rating
    FROM scored_reviews JOIN files USING (source_sha256)
),
review AS (
    SELECT source_number + row_number AS row_id, * FROM source_reviews JOIN files USING (source_sha256) WHERE is_latest
),
pairs AS (
    SELECT
        shadow.model_id,
        other.model_id AS compared_with,
        coalesce(review.file_source, 'default') AS source,
        -- The errors on reviews of one movie are correlated, so a movie is drawn as a whole.
        coalesce('movie ' || movie_id, 'row ' || row_id) AS title,
        shadow.score AS score,
        other.score AS other_score,
        shadow.sentiment <> other.sentiment AS is_flipped,
        abs(shadow.predicted_rating - other.predicted_rating) AS rating_difference,
        -- What one of the two may have learnt judges neither.
        coalesce(file_seen_at > greatest(own.own_labels_until, other_own.own_labels_until), true) AS can_judge,
        CASE WHEN can_judge THEN given_rating END AS rating,
        CASE WHEN can_judge THEN coalesce(
            given_label, CASE WHEN given_rating >= 7 THEN 'positive' WHEN given_rating <= 4 THEN 'negative' END
        ) END AS label,
        shadow.sentiment = label AS is_right,
        other.sentiment = label AS is_other_right,
        abs(shadow.predicted_rating - rating) AS rating_error,
        abs(other.predicted_rating - rating) AS other_rating_error
    FROM shadow JOIN other USING (row_id) JOIN review USING (row_id)
    LEFT JOIN models AS own ON own.model_id = shadow.model_id
    LEFT JOIN models AS other_own ON other_own.model_id = other.model_id
    WHERE other.model_id <> shadow.model_id
),
figures AS (
    SELECT
        model_id,
        compared_with,
        source,
        count(*) AS reviews,
        count(*) FILTER (is_flipped) AS flips,
        avg(abs(score - other_score)) AS mean_score_difference,
        avg(rating_difference) AS mean_rating_difference,
        corr(score, other_score) AS raw_correlation,
        count(label) AS labelled_reviews,
        avg(is_right::INTEGER) AS shadow_accuracy,
        avg(is_other_right::INTEGER) AS champion_accuracy,
        count(*) FILTER (is_right AND NOT is_other_right) AS only_shadow_right,
        count(*) FILTER (is_other_right AND NOT is_right) AS only_champion_right,
        count(rating_error) AS rated_reviews,
        avg(rating_error) AS shadow_rating_mae,
        avg(other_rating_error) AS champion_rating_mae
    FROM pairs GROUP BY GROUPING SETS ((model_id, compared_with, source), (model_id, compared_with))
),
titles AS (
    SELECT
        model_id,
        compared_with,
        source,
        title,
        count(*) AS labelled,
        sum(is_right::INTEGER - is_other_right::INTEGER) AS gained
    FROM pairs WHERE label IS NOT NULL
    GROUP BY GROUPING SETS ((model_id, compared_with, source, title), (model_id, compared_with, title))
),
-- The variance of the gain with titles drawn at random: that of a ratio of sums over them.
spreads AS (
    SELECT
        model_id,
        compared_with,
        source,
        sum(gained) / sum(labelled) AS gain,
        sum(gained ** 2) - 2 * gain * sum(gained * labelled) + gain ** 2 * sum(labelled ** 2) AS squares,
        CASE WHEN count(*) > 1
            THEN 1.96 * sqrt(greatest(0, squares) * count(*) / (count(*) - 1)) / sum(labelled) END AS margin
    FROM titles GROUP BY model_id, compared_with, source
),
times AS (
    SELECT
        model_id,
        compared_with,
        1e6 * sum(shadow_seconds) / sum(texts) AS shadow_microseconds,
        1e6 * sum(champion_seconds) / sum(texts) AS champion_microseconds
    FROM shadow_timings GROUP BY model_id, compared_with
),
counted AS (
    SELECT
        figures.*,
        gain,
        margin,
        only_shadow_right + only_champion_right AS lone,
        least(only_shadow_right, only_champion_right) AS fewer,
        -- A tail of the binomial distribution, twice; its terms by logarithms, since the factorials are too large.
        CASE WHEN labelled_reviews > 0 THEN least(1, 2 * list_sum([
            exp(lgamma(lone + 1) - lgamma(k + 1) - lgamma(lone - k + 1) - lone * ln(2)) for k in range(fewer + 1)
        ])) END AS mcnemar_p
    FROM figures LEFT JOIN spreads
        ON spreads.model_id = figures.model_id AND spreads.compared_with = figures.compared_with
        AND spreads.source IS NOT DISTINCT FROM figures.source
)
SELECT
    counted.model_id, -- of the shadow
    counted.compared_with, -- model_id of the promoted model, for most reviews the champion at that time
    source, -- a folder of the inbox, or 'default'; null over all sources
    reviews, -- that both models scored
    flips, -- reviews with another sentiment from the shadow
    1 - flips / reviews AS share_agreement, -- share of the reviews with the same sentiment from both, 0 to 1
    mean_score_difference, -- mean absolute difference of the two scores, 0 to 1
    mean_rating_difference, -- stars, mean absolute difference of the two predicted ratings
    CASE WHEN isfinite(raw_correlation) THEN raw_correlation END AS correlation, -- of the two scores, -1 to 1; null where all scores of one model are equal
    labelled_reviews, -- those whose source gives a label, or a rating that implies one, that neither model may have learnt from
    shadow_accuracy, -- share of the labelled reviews whose sentiment is the label, 0 to 1; null without any
    champion_accuracy, -- likewise, of the promoted model
    only_shadow_right, -- labelled reviews that only the shadow classifies correctly
    only_champion_right, -- labelled reviews that only the promoted model classifies correctly
    gain AS accuracy_gain, -- shadow_accuracy minus champion_accuracy; null as they are
    gain - margin AS gain_lower, -- lower end of the 95 % interval of the gain, by titles; null with labels of one title only
    gain + margin AS gain_upper, -- upper end of the same interval
    mcnemar_p, -- two-sided p-value of McNemar's exact test of these two counts; null without labels
    rated_reviews, -- those whose source gives a rating
    shadow_rating_mae, -- stars, mean absolute error of the shadow's predicted ratings; null without given ones
    champion_rating_mae, -- likewise, of the promoted model
    shadow_microseconds, -- a text, where both models were timed on the same ones, over all sources; null where not timed
    champion_microseconds -- likewise, of the promoted model
FROM counted
LEFT JOIN times ON times.model_id = counted.model_id AND times.compared_with = counted.compared_with
