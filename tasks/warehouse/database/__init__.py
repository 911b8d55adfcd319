"""The file of the database: it is opened by one process at a time, migrated, rewritten and copied."""
