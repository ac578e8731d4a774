"""External load tools, one per file: the command line, and the parser of the output."""
