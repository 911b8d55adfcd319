-- Which sources send files, how many, how often, when did the last one come, and which are late?
WITH files AS (
    SELECT
        left(source_sha256, 64) AS content, -- the same of all readings of a file
        -- Of the reading that counts, or else counted last.
        arg_max(source, row(coalesce(superseded_at, 'infinity'), committed_at)) AS source,
        -- Within a struct, since arg_max passes over nulls.
        arg_max(struct_pack(version := profile_version), row(coalesce(superseded_at, 'infinity'), committed_at))
            FILTER (status = 'scored') AS profile,
        bool_or(status = 'scored') AS is_scored,
        arg_max(rows_read, row(coalesce(superseded_at, 'infinity'), committed_at)) FILTER (status = 'scored') AS rows_read,
        bool_or(superseded_at IS NULL) AS counts,
        min(committed_at) AS seen_at
    FROM scored_files GROUP BY content
),
sent AS (
    SELECT
        source,
        count(*) FILTER (is_scored) AS files,
        count(*) FILTER (NOT is_scored) AS files_refused, -- ever, also if they were corrected since
        count(*) FILTER (is_scored AND NOT counts) AS files_replaced, -- by a later file of a source whose files replace each other
        coalesce(sum(rows_read) FILTER (is_scored), 0)::BIGINT AS rows_read,
        min(seen_at) AS first_file_at, -- when it was first committed
        max(seen_at) AS last_file_at,
        arg_max(profile, seen_at).version AS last_profile -- by which the last scored file was read; null without one
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
