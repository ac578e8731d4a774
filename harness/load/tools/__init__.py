"""One file an outside load tool: its command line, and how what it leaves is read."""
