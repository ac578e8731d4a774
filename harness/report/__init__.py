"""Says what was found: a summary goes in, text for people and files for other tools come out."""
