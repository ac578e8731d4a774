"""Compares the precision of barehop and other methods in equal time on one machine."""
