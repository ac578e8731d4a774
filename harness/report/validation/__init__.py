"""What is said of results made elsewhere, for the terminal, as Markdown and as a page."""
