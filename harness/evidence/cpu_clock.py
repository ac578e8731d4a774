"""The CPU clock of another process: the CPU time of all its threads so far, also of those that have ended."""

# Clock ids hold the inverted process number, and 2 for "scheduled time" (include/linux/posix-timers.h). The clock sums
# sum_exec_runtime, as in /proc/PID/schedstat, of every thread, also of a running one, in one system call.
SCHEDULED_TIME_CLOCK = 2


def cpu_clock(pid: int) -> int:
    """Return the clock id of a process for clock_gettime."""
    return (~pid << 3) | SCHEDULED_TIME_CLOCK
