"""A network of a stack's own: its namespace, its loopback interface, its packet filter, what it takes from the host."""
