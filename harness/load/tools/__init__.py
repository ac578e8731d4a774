"""Load tools that barehop runs, one per file: command line and result. `imports.formats` parses their output."""
