"""Measurements of speed, cost and quality, side by side with the tools that a user might pick instead."""
