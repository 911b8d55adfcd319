"""Scores of single texts over HTTP: the app of `reviews serve`, which answers with the champion."""
