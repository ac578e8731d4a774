"""Runs barehop in forks of itself, which spares each command its imports: preloaded.py harness/__main__.py SOCKET.

SOCKET is a descriptor. A request is an object in JSON, and the files of standard output and error; the answer is the
pid of a process that runs the command as if it had just been started. It is no child of ours, as its parent has ended.
"""

import gc
import importlib
import json
import os
import pkgutil
import runpy
import socket
import sys
from typing import Any

import harness

REQUEST_BYTES = 1 << 20
STANDALONE = ("__main__", "standalone", "scripts")  # the names of programs of their own and of folders of such


def load_all() -> None:
    """Import what a command may import, to the last plug-in."""
    for module in pkgutil.walk_packages(harness.__path__, "harness."):
        if not set(module.name.split(".")) & set(STANDALONE):
            importlib.import_module(module.name)


def serve(requests: socket.socket) -> dict[str, Any]:
    """Answer requests until nobody can make another; return a request in the process that runs it."""
    while True:
        text, files, _, _ = socket.recv_fds(requests, REQUEST_BYTES, 2)
        if not text:
            sys.exit()
        parent = os.fork()
        if not parent:
            leave_orphan(requests)
            take_files(files)
            return dict(json.loads(text))
        os.waitpid(parent, 0)
        for file in files:
            os.close(file)


def leave_orphan(requests: socket.socket) -> None:
    """Return in a child, after this process has told its pid and ended."""
    if child := os.fork():
        requests.send(str(child).encode())
        os._exit(0)
    requests.close()


def take_files(files: list[int]) -> None:
    for number, file in enumerate(files, start=1):
        os.dup2(file, number)
        os.close(file)


def run(request: dict[str, Any]) -> None:
    """What `python -m harness WORDS` does in the directory and with the environment of the request."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path.insert(0, request["cwd"])
    sys.orig_argv[:] = [sys.executable, "-m", "harness", *request["words"]]
    sys.argv[1:] = request["words"]
    runpy.run_module("harness", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    load_all()
    gc.freeze()
    run(serve(socket.socket(fileno=int(sys.argv[2]))))
