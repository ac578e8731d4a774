"""Boot parameters: such a knob requires that the kernel was booted with its value."""
