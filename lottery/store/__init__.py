"""The run directory: the one room that names its files, and reads and writes them."""
