"""What can lie on the way of a connection; each stands on the one below."""
