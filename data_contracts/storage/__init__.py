"""The home folder: its layout, and durable writes that lose nothing when the process is killed at any point."""
