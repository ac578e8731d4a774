"""Networks of stacks: namespaces, links, loopback, packet filters, and values copied from the host."""
