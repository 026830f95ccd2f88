"""This room counts what networks and their training cost; nothing is timed."""
