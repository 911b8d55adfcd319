"""Generates exports of platforms and tools as they come, each with what a person who looks at it would say of it."""
