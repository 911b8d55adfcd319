"""HTML pages that a person would send on: how each is rendered, looks and is written."""
