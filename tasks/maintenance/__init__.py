"""Maintenance of a home: release from quarantine, verification, deletion on request, and retention."""
