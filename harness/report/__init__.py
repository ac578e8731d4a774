"""Reports: a summary as text, Markdown and HTML for people, and as files for other tools."""
