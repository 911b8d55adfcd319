"""What it costs and what it reaches, side by side with what a user would pick instead."""
