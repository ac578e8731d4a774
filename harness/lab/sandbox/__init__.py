"""What servers are enclosed in: which steps that takes, where control groups lie, the filter of system calls."""
