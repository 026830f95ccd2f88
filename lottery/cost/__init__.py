"""What networks and their training cost, counted and never timed."""
