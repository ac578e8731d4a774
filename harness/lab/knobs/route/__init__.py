"""Knobs of the route to the loopback addresses."""
