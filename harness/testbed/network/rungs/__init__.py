"""The rungs of the ladder: kernel mechanisms of containers, a file each."""
