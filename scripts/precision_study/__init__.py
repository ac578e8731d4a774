"""How precise barehop and other ways of measuring are in the same time, on the same machine, in one go."""
