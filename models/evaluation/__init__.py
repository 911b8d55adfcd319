"""Evaluation of models: metrics, baseline, comparison, behaviour, star ratings and the promotion gate."""
