"""Reasons to distrust a session, a subject in each file: how it is read, and what two readings give rise to."""
