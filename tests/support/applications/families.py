"""Applications that burn BURN_S of CPU time for each request outside the worker's own code: a kind of process each."""

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import Any

BURN_S = float(os.environ["BURN_S"])

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def burn() -> None:
    end = time.thread_time() + BURN_S
    while time.thread_time() < end:
        pass


def answering(work: Callable[[], Awaitable[object]]) -> App:
    """The application that awaits `work` before each answer."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        await work()
        headers = [(b"content-length", b"2"), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    return app


def executed_by(make: Callable[[], Executor]) -> App:
    """Work in an executor that is made with the first request."""
    executors: list[Executor] = []

    async def work() -> None:
        if not executors:
            executors.append(make())
        await asyncio.get_running_loop().run_in_executor(executors[0], burn)

    return answering(work)


def pool_of(method: str) -> App:
    context = multiprocessing.get_context(method)
    return executed_by(partial(ProcessPoolExecutor, 1, mp_context=context))


async def in_a_process_of_its_own() -> None:
    program = f"import time\nwhile time.process_time() < {BURN_S}: pass"
    process = await asyncio.create_subprocess_exec(sys.executable, "-I", "-S", "-c", program)
    await process.wait()


async def in_a_thread_of_its_own() -> None:
    thread = threading.Thread(target=burn)
    thread.start()
    while thread.is_alive():
        await asyncio.sleep(0.0005)


daemons: list[tuple[int, int]] = []


def start_daemon() -> None:
    """A process that has left its parent and its session, and burns for each byte that it is sent."""
    to_daemon, from_daemon = os.pipe(), os.pipe()
    if not os.fork():
        os.setsid()
        if not os.fork():
            while os.read(to_daemon[0], 1):
                burn()
                os.write(from_daemon[1], b"x")
        os._exit(0)
    os.wait()
    daemons.append((to_daemon[1], from_daemon[0]))


async def in_the_daemon() -> None:
    if not daemons:
        start_daemon()
    ask, answer = daemons[0]
    os.write(ask, b"x")
    os.read(answer, 1)


def requests() -> Iterator[int]:
    number = 0
    while True:
        number += 1
        yield number


numbers = requests()


async def late() -> None:
    """A process is started for the 200th request, and for one of 40 after it."""
    number = next(numbers)
    if number >= 200 and number % 40 == 0:
        await in_a_process_of_its_own()


pool = pool_of("fork")
spawned = pool_of("spawn")
fork_server = pool_of("forkserver")
threads = executed_by(partial(ThreadPoolExecutor, 1))
thread_each = answering(in_a_thread_of_its_own)
process_each = answering(in_a_process_of_its_own)
process_late = answering(late)
daemon = answering(in_the_daemon)


def forks(_environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
    """A WSGI application that forks for each request."""
    child = os.fork()
    if not child:
        burn()
        os._exit(0)
    os.waitpid(child, 0)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


def forks_and_forgets(_environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
    """The same without waiting: the kernel forgets the children."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if not os.fork():
        burn()
        os._exit(0)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
