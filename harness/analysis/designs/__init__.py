"""Effects of several factors: factorial designs, screens, ladders, and agreement of tools."""
