"""Texts that somebody asks about: checked as rows of files are, and scored by the champion in this process."""
