-- Which sources send files, how many, how often, when did the last one come, and which are late?
WITH files AS (
    SELECT
        left(source_sha256, 64) AS content, -- the same of all readings of a file
        arg_max(source, committed_at) FILTER (superseded_at IS NULL) AS source,
        arg_max(profile_version, committed_at) FILTER (superseded_at IS NULL) AS profile_version,
        bool_or(status = 'scored') AS is_scored,
        max(rows_read) FILTER (superseded_at IS NULL AND status = 'scored') AS rows_read,
        min(committed_at) AS seen_at
    FROM scored_files GROUP BY content
),
sent AS (
    SELECT
        source,
        count(*) FILTER (is_scored) AS files,
        count(*) FILTER (NOT is_scored) AS files_refused,
        coalesce(sum(rows_read) FILTER (is_scored), 0)::BIGINT AS rows_read,
        min(seen_at) AS first_file_at, -- when it was first committed
        max(seen_at) AS last_file_at,
        arg_max(profile_version, seen_at) AS last_profile -- null where no file was read by a profile
    FROM files
    GROUP BY source
)
SELECT
    sent.*,
    usual_gap_days, -- median number of days from one with files to the next
    missed_days, -- days since the last file on which the source usually sends
    coalesce(is_late, false) AS is_late, -- they are more than ever before; see the view deliveries
    volume -- of the last judged day: few, many or usual rows
FROM sent LEFT JOIN deliveries USING (source)
ORDER BY source;
