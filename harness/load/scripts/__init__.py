"""Scripts that external tools run, each in the language of its tool."""
