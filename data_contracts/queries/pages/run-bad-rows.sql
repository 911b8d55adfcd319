-- Which rows did a run quarantine, or find in quarantine when it scored their files again?
FROM quarantined_rows AS bad WHERE EXISTS (
    FROM "period-files" AS files
    WHERE files.source_sha256 = bad.source_sha256 AND files.status = 'scored' AND (
        files.run_id = bad.run_id
        OR files.is_rescored AND coalesce(bad.released_at > files.committed_at, true)
    )
);
