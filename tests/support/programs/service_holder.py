"""Holds an odd service until it is killed or interrupted: python service_holder.py DIRECTORY HABIT..."""

import signal
import sys
import threading
from pathlib import Path

from harness.testbed.processes.process import start_command
from tests.support.misbehaving_services import eventually, is_up, mark_of, odd_command

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has both ignored
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    directory = Path(sys.argv[1])
    service = odd_command(directory, *sys.argv[2:], directories=(directory / "private",))
    with start_command(service) as started:
        assert eventually(lambda: is_up(service))
        print(mark_of(service), started.supervisor.pid, flush=True)
        threading.Event().wait()
