"""The ladder: kernel mechanisms that a container is made of, one file each."""
