-- Which reviews came since a promotion is decided by the order of the commits, not by a clock. Promotions from before this
-- version are placed among the commits by their times.

ALTER TABLE promotions ADD COLUMN commit_number BIGINT; -- of the last commit before it, as in scored_files; 0 where there was none
UPDATE promotions SET commit_number = (
    SELECT coalesce(max(files.commit_number), 0) FROM scored_files AS files WHERE files.committed_at <= promotions."at"
);
