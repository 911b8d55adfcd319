"""Object stores: an inbox, exports and backups at a URI such as s3://bucket/prefix, through a few functions."""
