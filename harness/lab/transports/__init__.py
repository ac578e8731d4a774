"""One file a transport: how nginx reaches the application."""
