"""How good a model is: metrics, baseline, comparison, behaviour, star ratings and the promotion gate."""
