"""Sandbox rungs, a file each: what a server can run under, alone or together."""
