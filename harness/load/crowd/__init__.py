"""Send many requests at once, in a closed or an open loop."""
