"""Knobs of the loopback interface."""
