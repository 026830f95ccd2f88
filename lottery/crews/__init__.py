"""Crews, who train chunks of networks: in this process, or side by side in workers."""
