"""What a server can run under; each by itself, or several together."""
