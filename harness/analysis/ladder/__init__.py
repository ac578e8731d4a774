"""The ladder: the effect of each rung, and whether the rungs add up."""
