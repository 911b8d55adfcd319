"""Runs with workers on machines of their own, which are network namespaces, while things happen to them."""
