"""The site over HTTP: the pages and reports of a home, read-only, for browsers of this machine."""
