-- Which source each file and row came from, and by which profile it was read.

ALTER TABLE scored_files ADD COLUMN source VARCHAR DEFAULT 'default'; -- the folder of the inbox; 'default' for a file in none
ALTER TABLE scored_files ADD COLUMN profile_version VARCHAR; -- of the profile by which it was read; null where it had none
ALTER TABLE scored_reviews ADD COLUMN source VARCHAR DEFAULT 'default'; -- of its file, as in scored_files
ALTER TABLE source_reviews ADD COLUMN file_source VARCHAR DEFAULT 'default'; -- of its file when it was first committed
