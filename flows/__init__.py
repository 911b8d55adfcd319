"""What runs when: one file per deployment, and the `reviews` command."""
