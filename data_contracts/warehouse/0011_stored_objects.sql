-- Review files in an object store.

ALTER TABLE inbox_files ADD COLUMN etag VARCHAR; -- the store's mark of an object's content; null for a file on disk
