"""What whoever looks on sees, from the command line or from Python: a study while it trains, then what it found."""
