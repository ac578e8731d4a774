"""Values of the kernel: what knobs set, how they are turned, and how those of the whole machine are put back."""
