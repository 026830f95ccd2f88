"""Training a cohort: the only place where weights change."""
