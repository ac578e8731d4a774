"""What only booting changes: such a value is a condition that the kernel was booted with it."""
