-- Which files came in during a run or a week, and which of them had another model scored before?
WITH found AS (
    SELECT
        files.*, begins, ends, of_week, scorer.ended_at,
        files.status = 'scored' AND EXISTS (
            FROM scored_files AS older
            WHERE older.source_sha256 = files.source_sha256 AND older.model_id <> files.model_id
            AND older.status = 'scored' AND older.committed_at < files.committed_at
        ) AS is_rescored,
        files.status = 'scored' AND EXISTS (
            FROM scored_files AS older
            WHERE left(older.source_sha256, 64) = left(files.source_sha256, 64)
            AND older.status = 'scored' AND older.committed_at < begins
        ) AS is_known
    FROM scored_files AS files LEFT JOIN runs AS scorer USING (run_id) CROSS JOIN "period-span" AS span
)
SELECT * EXCLUDE (begins, ends, ended_at, is_known)
FROM found
WHERE CASE
    -- What other models had scored before did not come in, nor what was read before the week by another profile.
    WHEN of_week THEN committed_at BETWEEN begins AND ends AND coalesce(superseded_at > ends, true)
        AND NOT is_rescored AND NOT is_known
    -- A run's own files, and those of a killed run that it committed.
    ELSE run_id = $run OR committed_at BETWEEN begins AND ends AND coalesce(ended_at < committed_at, true)
END;
