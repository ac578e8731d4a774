"""External load tools, one per file: the command line, and how its result is read (output: `imports.formats`)."""
