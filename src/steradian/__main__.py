"""`python -m steradian`, the same as the command `steradian`."""

from steradian.cli import main

if __name__ == "__main__":
    main()
