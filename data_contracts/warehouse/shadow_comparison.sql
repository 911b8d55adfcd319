WITH files AS (
    SELECT source_sha256, min(seen_at) AS seen_at, coalesce(arg_min(source, committed_at), 'default') AS source
    FROM (
        SELECT *, min(committed_at) FILTER (length(source_sha256) <= 64)
            OVER (PARTITION BY left(source_sha256, 64)) AS seen_at
        FROM scored_files WHERE status = 'scored'
    ) GROUP BY source_sha256
),
-- Rows that are not the newest of their review: they are in the sums, and are taken out here.
earlier AS MATERIALIZED (
    SELECT
        source_sha256, row_number, movie_id, given_rating AS stars,
        coalesce(
            given_label, CASE WHEN given_rating >= 7 THEN 'positive' WHEN given_rating <= 4 THEN 'negative' END
        ) AS label
    FROM source_reviews
    WHERE NOT is_latest AND counts IS DISTINCT FROM false AND source_sha256 IN (SELECT source_sha256 FROM shadow_sums)
),
earlier_pairs AS (
    SELECT
        shadow.source_sha256, shadow.model_id, shadow.score, shadow.sentiment, shadow.predicted_rating,
        other.model_id AS compared_with, other.score AS other_score, other.sentiment AS other_sentiment,
        other.predicted_rating AS other_predicted_rating, movie_id, stars, label
    FROM earlier JOIN shadow_scores AS shadow USING (source_sha256, row_number)
    JOIN (
        FROM scored_reviews WHERE rowid IN (
            SELECT rowid FROM scored_reviews SEMI JOIN earlier USING (source_sha256, row_number)
        )
    ) AS other USING (source_sha256, row_number)
    WHERE shadow.model_id <> other.model_id
),
summed AS (
    SELECT 1 AS times, * FROM shadow_sums
    UNION ALL BY NAME
    SELECT
        -1 AS times,
        source_sha256,
        model_id,
        compared_with,
        1 AS reviews,
        (sentiment <> other_sentiment)::INTEGER AS flips,
        (stars IS NOT NULL)::INTEGER AS rated,
        abs(score - other_score) AS score_differences,
        abs(predicted_rating - other_predicted_rating) AS rating_differences,
        score AS score_total,
        other_score AS other_total,
        score ** 2 AS score_squares,
        other_score ** 2 AS other_squares,
        score * other_score AS score_products,
        coalesce(abs(predicted_rating - stars), 0) AS stars_off,
        coalesce(abs(other_predicted_rating - stars), 0) AS other_stars_off,
        CASE WHEN label IS NOT NULL THEN [struct_pack(
            movie_id := movie_id, labelled := 1, right_ones := (sentiment = label)::INTEGER,
            other_right_ones := (other_sentiment = label)::INTEGER,
            only_right := (sentiment = label AND other_sentiment <> label)::INTEGER
        )] END AS titles
    FROM earlier_pairs
),
sums AS (
    SELECT
        summed.*,
        files.source,
        -- What one of the two may have learnt judges neither.
        coalesce(seen_at > greatest(own.own_labels_until, other_own.own_labels_until), true) AS can_judge
    FROM summed JOIN files USING (source_sha256)
    LEFT JOIN models AS own ON own.model_id = summed.model_id
    LEFT JOIN models AS other_own ON other_own.model_id = summed.compared_with
),
figures AS (
    SELECT
        model_id,
        compared_with,
        source,
        sum(times * reviews)::BIGINT AS reviews,
        sum(times * flips)::BIGINT AS flips,
        sum(times * score_differences) / sum(times * reviews) AS mean_score_difference,
        sum(times * rating_differences) / sum(times * reviews) AS mean_rating_difference,
        -- Times the square of the number of reviews: the variances and the covariance.
        sum(times * reviews) * sum(times * score_squares) - sum(times * score_total) ** 2 AS spread,
        sum(times * reviews) * sum(times * other_squares) - sum(times * other_total) ** 2 AS other_spread,
        sum(times * reviews) * sum(times * score_products) - sum(times * score_total) * sum(times * other_total)
            AS common_spread,
        coalesce(sum(times * rated) FILTER (can_judge), 0)::BIGINT AS rated_reviews,
        sum(times * stars_off) FILTER (can_judge) / nullif(rated_reviews, 0) AS shadow_rating_mae,
        sum(times * other_stars_off) FILTER (can_judge) / nullif(rated_reviews, 0) AS champion_rating_mae
    FROM sums GROUP BY GROUPING SETS ((model_id, compared_with, source), (model_id, compared_with))
    HAVING sum(times * reviews) > 0
),
-- The errors on reviews of one movie are correlated, so a movie is drawn as a whole.
titles AS (
    SELECT
        model_id,
        compared_with,
        source,
        movie_id,
        sum(times * labelled)::BIGINT AS labelled,
        sum(times * right_ones)::BIGINT AS right_ones,
        sum(times * other_right_ones)::BIGINT AS other_right_ones,
        sum(times * only_right)::BIGINT AS only_right
    FROM (SELECT * EXCLUDE (titles), unnest(titles, recursive := true) FROM sums WHERE can_judge)
    GROUP BY GROUPING SETS ((model_id, compared_with, source, movie_id), (model_id, compared_with, movie_id))
    HAVING sum(times * labelled) > 0
),
gains AS (
    SELECT
        *,
        only_right - right_ones + other_right_ones AS only_other_right,
        right_ones - other_right_ones AS gained,
        -- Where no movie is known, each review is a title.
        CASE WHEN movie_id IS NULL THEN labelled ELSE 1 END AS titles,
        CASE WHEN movie_id IS NULL THEN only_right + only_other_right ELSE gained ** 2 END AS gained_squares,
        CASE WHEN movie_id IS NULL THEN gained ELSE gained * labelled END AS products,
        CASE WHEN movie_id IS NULL THEN labelled ELSE labelled ** 2 END AS labelled_squares
    FROM titles
),
-- The variance of the gain with titles drawn at random: that of a ratio of sums over them.
spreads AS (
    SELECT
        model_id,
        compared_with,
        source,
        sum(labelled)::BIGINT AS labelled_reviews,
        sum(right_ones) / sum(labelled) AS shadow_accuracy,
        sum(other_right_ones) / sum(labelled) AS champion_accuracy,
        sum(only_right)::BIGINT AS only_shadow_right,
        sum(only_other_right)::BIGINT AS only_champion_right,
        sum(gained) / sum(labelled) AS gain,
        sum(gained_squares) - 2 * gain * sum(products) + gain ** 2 * sum(labelled_squares) AS squares,
        CASE WHEN sum(titles) > 1
            THEN 1.96 * sqrt(greatest(0, squares) * sum(titles) / (sum(titles) - 1)) / sum(labelled) END AS margin
    FROM gains GROUP BY model_id, compared_with, source
),
counted AS (
    SELECT
        figures.*,
        CASE WHEN least(spread, other_spread) > 1e-12 * reviews ** 2
            THEN common_spread / sqrt(spread * other_spread) END AS correlation,
        coalesce(spreads.labelled_reviews, 0) AS labelled_reviews,
        shadow_accuracy,
        champion_accuracy,
        coalesce(spreads.only_shadow_right, 0) AS only_shadow_right,
        coalesce(spreads.only_champion_right, 0) AS only_champion_right,
        gain,
        margin,
        spreads.only_shadow_right + spreads.only_champion_right AS lone,
        least(spreads.only_shadow_right, spreads.only_champion_right) AS fewer,
        -- A tail of the binomial distribution, twice; its terms by logarithms, since the factorials are too large.
        CASE WHEN spreads.labelled_reviews > 0 THEN least(1, 2 * list_sum([
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
    correlation, -- of the two scores, -1 to 1; null where all scores of one model are equal
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
    champion_rating_mae -- likewise, of the promoted model
FROM counted
