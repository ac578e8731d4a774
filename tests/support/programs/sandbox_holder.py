"""Holds a stack in sandboxes until it is killed: sandbox_holder.py DIRECTORY RUNGS; says who and what there is."""

import json
import sys
import time
from pathlib import Path

from harness.load.probe import probe_target
from harness.model import Arm, Settings
from harness.testbed.blueprint import blueprint_of, survey_machine
from harness.testbed.machine.directories import free_ports
from harness.testbed.stack.start import start_stacks

if __name__ == "__main__":
    directory, rungs = Path(sys.argv[1]), json.loads(sys.argv[2])
    arm = Arm(name="held", settings=Settings(transport="uds-tmpfs", sandbox=rungs))
    blueprint = blueprint_of((arm,), directory / "stack", survey_machine(directory), free_ports())
    with start_stacks([blueprint], probe_target) as (stack,):
        pids = [stack.nginx.main_pid(), stack.app.main_pid(), *stack.pids["nginx"], *stack.pids["app"]]
        groups = [group for one in blueprint.enclosures.values() for group in one.groups]
        print(
            json.dumps({"pids": pids, "paths": [str(path) for path in (*blueprint.private_directories, *groups)]}),
            flush=True,
        )
        time.sleep(3600)
