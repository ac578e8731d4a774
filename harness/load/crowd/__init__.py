"""Many requests under way at once: a loop over their connections, and who decides when the next one begins."""
