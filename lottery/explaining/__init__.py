"""What the networks of a run became: they are opened read only, analyses are carried out, and kept in the run."""
