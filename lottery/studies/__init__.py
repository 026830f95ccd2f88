"""Studies: short functions that read like the protocol in their paper, and what they share."""
