"""Commands of the command line, a file each: their words, and what they do."""
