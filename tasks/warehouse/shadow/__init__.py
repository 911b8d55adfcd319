"""The shadow, a challenger whose scores don't count: its record, its scores, and how it does beside the champion."""
