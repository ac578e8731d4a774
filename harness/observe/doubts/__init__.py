"""Reasons to distrust a session: each subject is read before and after the visits, and compared."""
