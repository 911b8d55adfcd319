"""Evaluation of models: metrics, baseline, comparison, slices, behaviour, star ratings and the promotion gate."""
