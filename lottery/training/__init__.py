"""Training is the only place where weights change."""
