"""Holds a stack in sandboxes until it is killed: sandbox_holder.py DIRECTORY RUNGS; says who and what there is."""

import json
import sys
import time
from pathlib import Path

from harness.lab.blueprint import blueprint_of, survey
from harness.lab.ports import free_ports
from harness.lab.stack import running_stacks
from harness.load.ask import ask
from harness.model import Arm, Settings

if __name__ == "__main__":
    directory, rungs = Path(sys.argv[1]), json.loads(sys.argv[2])
    arm = Arm(name="held", settings=Settings(transport="uds-tmpfs", sandbox=rungs))
    blueprint = blueprint_of((arm,), directory / "stack", survey(directory), free_ports())
    with running_stacks([blueprint], ask) as (stack,):
        pids = [stack.nginx.main_pid(), stack.app.main_pid(), *stack.pids["nginx"], *stack.pids["app"]]
        groups = [group for one in blueprint.enclosures.values() for group in one.groups]
        print(json.dumps({"pids": pids, "paths": [str(path) for path in (*blueprint.private, *groups)]}), flush=True)
        time.sleep(3600)
