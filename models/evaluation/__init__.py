"""Evaluation of models: metrics, baseline, comparison, slices, evaluation sets, star ratings and the promotion gate."""
