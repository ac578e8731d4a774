"""Holds a real stack until it is killed: python stack_holder.py DIRECTORY [TRANSPORT...]. Says where and who it is."""

import json
import sys
import threading
from pathlib import Path

from harness.testbed.processes.process import own_pids
from tests.support.stacks import TRANSPORTS, arm, blueprint_for, stack_of

if __name__ == "__main__":
    arms = [arm(name, transport=name) for name in sys.argv[2:] or TRANSPORTS]
    with stack_of(blueprint_for(Path(sys.argv[1]), *arms)) as stack:
        private = [str(directory) for directory in stack.blueprint.private_directories]
        ports = [target.port for target in stack.blueprint.targets.values()]
        groups = [str(group) for group in stack.blueprint.socket_groups]
        held = {"private": private, "ports": ports, "pids": sorted(own_pids()), "groups": groups}
        print(json.dumps(held), flush=True)
        threading.Event().wait()
