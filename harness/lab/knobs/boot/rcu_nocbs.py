"""CPUs that leave RCU callbacks to other CPUs, like 2,3."""

from harness.model.knobs import Knob, boot_cpus_problem

PLUGIN = Knob(scope="boot", touches="both", problem=boot_cpus_problem, changes=lambda _: (), by_boot="rcu_nocbs")
