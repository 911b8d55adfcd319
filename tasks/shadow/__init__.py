"""Shadow scoring: a challenger scores beside the champion for a time, without being seen, to be compared with it."""
