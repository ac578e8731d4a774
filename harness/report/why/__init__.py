"""Says why: what a difference consists of, what was counted, who was busy, where the time goes."""
