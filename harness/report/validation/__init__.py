"""Reports on imported results: text, Markdown and HTML."""
