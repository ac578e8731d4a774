"""One file per knob, called as it is written in an experiment, folders for dots: adding a file adds a knob."""
