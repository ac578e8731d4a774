"""The idle states of CPUs and how long waking up from them takes."""

from harness.lab.kernelfiles import HERE, Roots, read, read_int


def idle_states(roots: Roots = HERE) -> dict[str, int]:
    """Return the exit latency in us of each enabled idle state of CPU 0, shallow first."""
    states = sorted((roots.sys / "devices/system/cpu/cpu0/cpuidle").glob("state*"))
    rows = [(read(state / "name"), read_int(state / "latency"), read(state / "disable")) for state in states]
    return {name: latency_us for name, latency_us, off in rows if name and latency_us is not None and off != "1"}
