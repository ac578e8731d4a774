"""The clock of another process: the CPU time of all its threads so far, also of those that have ended."""

# An inverted process number, and 2 for "scheduled time" (include/linux/posix-timers.h). It sums the sum_exec_runtime
# that /proc/PID/schedstat shows, but of every thread, also of one that is running, in one system call.
SCHEDULED_TIME = 2


def cpu_clock(pid: int) -> int:
    """What clock_gettime knows it by."""
    return (~pid << 3) | SCHEDULED_TIME
