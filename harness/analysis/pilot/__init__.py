"""From the visits of a pilot to the lengths of a run: carry-over, Allan deviation, spread."""
