"""Upkeep of a home: releases from quarantine, verification, forgetting, backups, retention."""
