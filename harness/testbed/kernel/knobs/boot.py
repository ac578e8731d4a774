"""Kernel parameters that only a boot changes."""

from harness.model.knobs import Knob, boot_cpus_problem, text_like

PLUGINS = {
    "boot.isolcpus": Knob(
        help="CPUs that the scheduler leaves alone, like 2,3.",
        scope="boot",
        problem=boot_cpus_problem,
        boot_parameter="isolcpus",
    ),
    "boot.mitigations": Knob(
        help="Mitigations of CPU vulnerabilities, like off or auto; each makes system calls slower.",
        scope="boot",
        problem=text_like("off"),
        boot_parameter="mitigations",
    ),
    "boot.nohz_full": Knob(
        help="CPUs without a timer tick while one process runs there, like 2,3.",
        scope="boot",
        problem=boot_cpus_problem,
        boot_parameter="nohz_full",
    ),
    "boot.rcu_nocbs": Knob(
        help="CPUs that leave RCU callbacks to other CPUs, like 2,3.",
        scope="boot",
        problem=boot_cpus_problem,
        boot_parameter="rcu_nocbs",
    ),
}
