"""The spine: preflight, pilot, sessions and summary of a run; doctor, calibrate, tune and validate."""
