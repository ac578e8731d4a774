"""Holds a real stack until it is killed: python stack_holder.py DIRECTORY. Says where it is and who takes part."""

import json
import sys
import threading
from pathlib import Path

from harness.testbed.processes.process import own_pids
from tests.support.stacks import TRANSPORTS, arm, blueprint_for, stack_of

if __name__ == "__main__":
    arms = [arm(name, transport=name) for name in TRANSPORTS]
    with stack_of(blueprint_for(Path(sys.argv[1]), *arms)) as stack:
        private = [str(directory) for directory in stack.blueprint.private_directories]
        ports = [target.port for target in stack.blueprint.targets.values()]
        print(json.dumps({"private": private, "ports": ports, "pids": sorted(own_pids())}), flush=True)
        threading.Event().wait()
