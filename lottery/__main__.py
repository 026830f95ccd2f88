"""`python -m lottery` is the command line."""

from lottery.cli import main

if __name__ == "__main__":  # processes of a crew may import this file, under another name
    main()
