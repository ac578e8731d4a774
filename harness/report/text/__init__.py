"""Reports as text: terminal.py for people at a shell, markdown.py for pull requests."""
