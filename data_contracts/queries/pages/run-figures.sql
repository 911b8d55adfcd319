-- What did a scoring run do, in figures?
-- $run text = none: the run_id of a scoring run
WITH files AS (
    SELECT
        count(*) FILTER (status = 'scored') AS files,
        count(*) FILTER (status = 'refused') AS files_refused,
        count(*) FILTER (is_rescored) AS files_rescored,
        coalesce(sum(rows_read) FILTER (status = 'scored'), 0)::BIGINT AS rows_read,
        coalesce(sum(rows_read) FILTER (is_rescored), 0)::BIGINT AS rows_read_again
    FROM "period-files"
),
rows AS (
    SELECT
        count(*) AS reviews, count(*) FILTER (NOT counts) AS not_counted,
        avg((sentiment = 'positive')::INTEGER) FILTER (counts) AS share_positive,
        avg(predicted_rating) FILTER (counts) AS stars
    FROM "period-rows"
),
bad AS (
    SELECT count(*) AS rows_quarantined, count(*) FILTER (rule = 'text_not_given') AS rows_without_text
    FROM "run-bad-rows"
)
SELECT
    run_id,
    started_at,
    status,
    epoch(ended_at) - epoch(started_at) AS seconds, -- null where it never ended
    code_version,
    rows.*, -- reviews scored; those not in English, which do not count; share_positive and stars of the others
    files.*, -- scored, refused, scored again; the rows of the files scored, and of those scored again
    bad.*, -- rows quarantined; of these, ratings and labels alone
    coalesce((counts->>'files_left')::BIGINT, 0) AS files_left, -- to the next run with --rescore
    coalesce((counts->>'labels_taken')::BIGINT, 0) AS labels_taken, -- of people
    coalesce((counts->>'labels_withdrawn')::BIGINT, 0) AS labels_withdrawn,
    (SELECT max(run_id) FROM "period-files" WHERE run_id <> $run) AS killed_run -- whose files it committed
FROM runs, files, rows, bad WHERE run_id = $run;
