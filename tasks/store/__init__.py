"""Object stores: an inbox, exports and snapshots at a URI such as s3://bucket/prefix."""
