"""The sleep of CPUs without work: how long each of its states takes to end."""

from harness.lab.kernelfiles import HERE, Roots, read, read_int


def idle_states(roots: Roots = HERE) -> dict[str, int]:
    """Exit latency in us by state, shallow first; of the first CPU, those that are not disabled."""
    states = sorted((roots.sys / "devices/system/cpu/cpu0/cpuidle").glob("state*"))
    seen = [(read(state / "name"), read_int(state / "latency"), read(state / "disable")) for state in states]
    return {name: latency_us for name, latency_us, off in seen if name and latency_us is not None and off != "1"}
