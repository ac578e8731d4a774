"""Reports of the other commands (plan, compare, validate, doctor, calibrate, floor, ...), and progress of a run."""
