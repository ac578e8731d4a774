"""Says what a container would add, mechanism by mechanism, from the rungs that stand for its parts."""
