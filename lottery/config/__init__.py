"""A config is what a user writes in YAML, read and checked into frozen models."""
