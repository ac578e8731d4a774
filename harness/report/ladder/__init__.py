"""Ladders: what a container would add, mechanism by mechanism."""
