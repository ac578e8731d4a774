"""What `pyperf system show` says, subject by subject."""

from harness.observe.host.serving import parse_pyperf_system

TEXT = """Show the system configuration
Failed to connect to bus: Host is down

System state
============

CPU: use 2 logical CPUs: 0-1
ASLR: Full randomization
IRQ affinity: Default IRQ affinity: CPU 0-1
IRQ affinity: IRQ affinity: IRQ 24-26=CPU 0-1

Advices
=======

Linux scheduler: Use isolcpus=<cpu list> kernel parameter to isolate CPUs

Warnings
========

Turbo Boost (MSR): Try to load the msr kernel module: sudo modprobe msr

Run "python -m pyperf system tune" to tune the system configuration to run benchmarks
"""


def test_every_subject_has_what_is_said_of_it() -> None:
    assert parse_pyperf_system(TEXT) == {
        "CPU": {"state": ["use 2 logical CPUs: 0-1"]},
        "ASLR": {"state": ["Full randomization"]},
        "IRQ affinity": {"state": ["Default IRQ affinity: CPU 0-1", "IRQ affinity: IRQ 24-26=CPU 0-1"]},
        "Linux scheduler": {"advice": ["Use isolcpus=<cpu list> kernel parameter to isolate CPUs"]},
        "Turbo Boost (MSR)": {"warning": ["Try to load the msr kernel module: sudo modprobe msr"]},
    }


def test_a_pyperf_that_says_nothing_has_no_subjects() -> None:
    assert parse_pyperf_system("") == {}
    assert parse_pyperf_system("WARNING: no operation available for your platform\n") == {}
