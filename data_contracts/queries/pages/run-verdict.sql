-- Can the scores of a run be trusted: what speaks for it, what against, the heaviest first?
-- $run text = none: the run_id of a scoring run
WITH figures AS (
    SELECT
        *, rows_quarantined - rows_without_text AS bad, rows_read - rows_without_text AS read,
        (rows_quarantined - rows_without_text) / greatest(rows_read - rows_without_text, 1) AS share_bad
    FROM "run-figures"
),
drifted AS (
    SELECT
        source,
        string_agg(
            CASE measure WHEN 'token_count' THEN 'length in words' WHEN 'oov_rate' THEN 'unknown words'
                WHEN 'truncated' THEN 'cut texts' ELSE measure END, ' and '
        ) AS measures,
        string_agg(format('{}, PSI {:.3f}, threshold {:.3f}', measure, psi, threshold), '; ') AS figures
    FROM "run-drift" WHERE result = 'drifted' GROUP BY source
),
judged AS (
    SELECT
        judged, share_called_right,
        (SELECT arg_min(test_accuracy, model_id) FROM "run-lineage" WHERE test_accuracy IS NOT NULL) AS promised
    FROM "period-sources" WHERE source IS NULL AND judged >= 100
),
-- The newest decision that promoted the model, up to the end of the run.
forced AS (
    SELECT model_id, string_agg(name, ', ' ORDER BY name) AS rules FROM gate_checks AS kept
    WHERE NOT passed AND model_id IN (SELECT model_id FROM "period-files") AND decision = (
        SELECT max(decision) FROM gate_checks AS promoting
        WHERE promoting.model_id = kept.model_id AND promoting.promoted
            AND promoting."at" <= (SELECT ends FROM "period-span")
    ) GROUP BY model_id
),
due AS (
    SELECT what, subject LIKE '% (labels)' AS is_of_labels FROM findings, "period-span"
    WHERE kind = 'training_due' AND first_seen <= ends
        AND starts_with(subject, (SELECT arg_max(model_id, number) FROM promotions WHERE "at" <= ends) || ' (')
        AND first_seen > coalesce((
            SELECT max(started_at) FROM runs
            WHERE flow = 'train-model' AND status = 'completed' AND parameters->>'with_own' = 'true'
                AND started_at <= ends
        ), '-infinity')
),
reasons (place, weight, brief, words) AS (
    FROM "run-ending"
    UNION ALL
    SELECT 3, if(files_refused > 0, 'care', 'good'),
        CASE files_refused WHEN 0 THEN 'no file was refused' WHEN 1 THEN '1 file refused'
            ELSE format('{:,} files refused', files_refused) END,
        if(files_refused > 0, format(
            'Refused: {:,} of {:,} new files; nothing of them is scored.', files_refused,
            files + files_refused - files_rescored
        ), 'No file was refused.')
    FROM figures
    UNION ALL
    SELECT 4, if(share_bad > 0.01, 'care', 'good'),
        CASE WHEN share_bad > 0.01 THEN format('{:.1f} % of the rows were quarantined', 100 * share_bad)
            WHEN bad > 0 THEN 'hardly a row was quarantined' ELSE 'no row was quarantined' END,
        format('Quarantined: {:,} of {:,} rows ({:.1f} %).', bad, read, 100 * share_bad) || if(
            rows_without_text > 0,
            format(' Beside these, {:,} came without a text: there is nothing to score in them.', rows_without_text), ''
        )
    FROM figures
    UNION ALL
    SELECT 5, 'care', format('the {} drifted', measures || coalesce(' of ' || source, '')),
        format('Unlike {}: {}.', coalesce('what ' || source || ' sent before', 'the held-out reviews'), figures)
    FROM drifted
    UNION ALL
    SELECT 5, 'good', 'nothing drifted',
        'Scores and texts are like what came before, or their sources accept how they differ.'
    WHERE EXISTS (FROM "run-drift") AND NOT EXISTS (FROM drifted)
    UNION ALL
    SELECT 6, if(not_counted > 0.002 * reviews, 'care', 'good'),
        if(not_counted > 0.002 * reviews, format('{:,} reviews not counted', not_counted), ''),
        format(
            'Not in English, so in no share or rating: {:,} of {:,} reviews. If they should count: '
            'other_languages = "accept" above the tables of the profile of their source.', not_counted, reviews
        )
    FROM figures WHERE not_counted > 0
    UNION ALL
    SELECT 7, if(share_called_right < promised - 0.03, 'care', 'good'),
        if(
            share_called_right < promised - 0.03, 'fewer writers agree than in the test',
            'the writers agree as in the test'
        ),
        format(
            'Of {:,} reviews with a label or rating of their writer, {:.1f} % are called right; in the test it was '
            '{:.1f} %.', judged, 100 * share_called_right, 100 * promised
        )
    FROM judged WHERE promised IS NOT NULL
    UNION ALL
    SELECT 8, if(is_of_labels, 'good', 'care'), if(is_of_labels, '', 'a training is due'),
        format('A training is due: {}.', what)
    FROM due
    UNION ALL
    SELECT 9, 'care', 'the gate had refused the model', format(
        'Promoted although it broke rules of the gate: {}.',
        string_agg(format('{} ({})', model_id, rules), '; ' ORDER BY model_id)
    ) FROM forced HAVING count(*) > 0
    UNION ALL
    SELECT DISTINCT 10, 'care',
        if(dataset = 'sample', 'the model learnt from generated reviews', 'the model learnt from unverified reviews'),
        if(
            dataset = 'sample',
            'The model learnt from generated reviews, not from real ones, so it is only good for a demo.',
            'The model learnt from an archive of unknown content, accepted unverified.'
        )
    FROM "run-lineage" WHERE dataset IN ('sample', 'other')
)
SELECT
    weight, -- bad, care or good
    brief, -- a clause; '' where the words say more
    words
FROM reasons ORDER BY list_position(['bad', 'care', 'good'], weight), place, words;
