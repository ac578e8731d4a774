"""Sandboxes of servers: their steps, their control groups, and their system call filter."""
