"""Object stores: an inbox, the published copy, exports and backups at a URI such as s3://bucket/prefix."""
