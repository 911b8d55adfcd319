"""Where and when it runs: settings and deployments."""
