"""Validation of results made elsewhere against bare arms: which claims hold, and what the runtime adds."""
