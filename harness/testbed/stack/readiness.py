"""Waits until every arm of a stack answers through the intended servers, or says why it does not."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from harness.errors import StackError
from harness.model import Reply, Target
from harness.testbed.blueprint import Blueprint
from harness.testbed.processes.output import read_log_end
from harness.testbed.processes.process import SupervisedProcess, log_excerpt
from harness.testbed.servers.failures import application_problem, lasting_502, refusal_hint
from harness.testbed.servers.nginx import CHECK_HEADER, CHECK_PATH
from harness.testbed.stack.listening import await_listeners, listener_problem, require_own_listener
from harness.testbed.stack.stack import Stack

POLL_S = 0.03
MAX_RESTARTS = 3  # of workers that end before they answer; more means that each of them ends
BAD_GATEWAY = 502
STARTUP_STATUSES = (BAD_GATEWAY, 503, 504)  # the statuses of nginx while the application is not up yet

Probe = Callable[[Target, str], Reply | str]


def await_stack(stack: Stack, ask: Probe) -> Stack:
    """Wait for the answers and the workers of the stack, and return the stack with them."""
    blueprint = stack.blueprint
    with _explain_failure(stack), stack.enter_network():
        replies = _await_replies(stack, ask)
        workers = _await_app(stack)
    pids = {"nginx": _await_workers(stack.nginx, 1, blueprint.start_timeout_s), "app": workers}
    return replace(stack, pids=pids, replies=replies)


@contextmanager
def _explain_failure(stack: Stack) -> Iterator[None]:
    """Put the application's own error, where its server's log shows one, before the failure that follows from it."""
    try:
        yield
    except StackError as error:
        settings, python = stack.blueprint.arms[0].settings, stack.app.command.argv[0]
        log = read_log_end(stack.app_log)
        cause = _command_end(stack) if settings.command else application_problem(settings, python, log)
        raise StackError(f"{cause}\n{error}" if cause else str(error)) from None


def _await_replies(stack: Stack, ask: Probe) -> dict[str, Reply]:
    """Return the correct answer of each arm. Raises StackError at once for a wrong answer, at the deadline for none."""
    blueprint = stack.blueprint
    deadline = time.monotonic() + blueprint.start_timeout_s
    replies: dict[str, Reply] = {}
    workers: set[int] = set()
    for arm in blueprint.targets:
        while arm not in replies:
            stack.check_servers()
            if blueprint.has_gunicorn:
                workers.update(stack.app.worker_pids())
                _check_restarts(workers, stack)
            reply = _probe_arm(arm, blueprint, ask)
            if isinstance(reply, Reply) and reply.status not in STARTUP_STATUSES:
                require_own_listener(stack, arm)
                replies[arm] = _verify_reply(arm, reply, stack)
            elif time.monotonic() > deadline:
                raise StackError(listener_problem(stack, arm) or _timeout_message(arm, reply, stack))
            else:
                _check_lasting_502(arm, reply, blueprint)
                time.sleep(POLL_S)
    return replies


def _command_end(stack: Stack) -> str:
    """Return why a command that has ended without an error serves nothing; "" otherwise."""
    if stack.app.supervisor.poll() != 0:
        return ""
    return "A command must stay in the foreground: barehop ends what it leaves behind."


def _check_restarts(workers: set[int], stack: Stack) -> None:
    """Raise StackError if `workers`, all pids so far, are so many that workers must have ended before an answer."""
    restarts = len(workers) - stack.blueprint.arms[0].settings.workers
    if restarts > MAX_RESTARTS:
        raise StackError(
            f"gunicorn's workers end before they answer: it has started {restarts} more than it should have. Correct "
            f"the application. The log {stack.app_log} ends:\n{log_excerpt(stack.app_log)}"
        )


def _check_lasting_502(arm: str, reply: Reply | str, blueprint: Blueprint) -> None:
    """Raise StackError when nginx will answer 502 to every further request."""
    if isinstance(reply, Reply) and reply.status == BAD_GATEWAY:
        reason = lasting_502(blueprint.arm(arm).settings, read_log_end(blueprint.directory / "nginx.log"))
        if reason:
            raise StackError(f"Arm {arm!r}: nginx answers {blueprint.targets[arm].path} with status 502. {reason}")


def _probe_arm(arm: str, blueprint: Blueprint, ask: Probe) -> Reply | str:
    """Send one request: to nginx's check path where nginx names the server, else the arm's own request."""
    target = blueprint.targets[arm]
    target = replace(target, timeout_s=min(target.timeout_s, blueprint.start_timeout_s))
    try:
        return ask(target, CHECK_PATH if blueprint.expected_server(arm) else target.path)
    except StackError as error:
        raise StackError(f"Arm {arm!r}: {error}") from None


def _verify_reply(arm: str, reply: Reply, stack: Stack) -> Reply:
    """Return `reply` where its server and its status are right. Raises StackError."""
    blueprint = stack.blueprint
    expected, actual = blueprint.expected_server(arm), reply.headers.get(CHECK_HEADER.lower(), "no upstream")
    if expected and actual != expected:
        raise StackError(
            f"Arm {arm!r} was served by {actual} instead of {expected}. Another server may use the same address."
        )
    if not 200 <= reply.status < 300:
        target, log = blueprint.targets[arm], stack.app_log
        hint = refusal_hint(blueprint.arm(arm).settings, target.host_header, reply)
        raise StackError(
            f"Arm {arm!r} answers {target.path} with status {reply.status} instead of 2xx. Correct the path or the "
            f"application. {hint}{' ' if hint else ''}The log {log} ends:\n{log_excerpt(log)}"
        )
    return reply


def _timeout_message(arm: str, reply: Reply | str, stack: Stack) -> str:
    last = f"status {reply.status}" if isinstance(reply, Reply) else reply
    logs = "\n".join(map(log_excerpt, (stack.app_log, stack.nginx.command.log)))
    return (
        f"Arm {arm!r} did not answer within {stack.blueprint.start_timeout_s:g} s, its start_timeout_s; the last "
        f"attempt gave {last}. Set start_timeout_s to more if the application takes longer to start. "
        f"The logs end:\n{logs}"
    )


def _await_app(stack: Stack) -> tuple[int, ...]:
    """Return the processes that serve the application."""
    blueprint = stack.blueprint
    if not blueprint.has_gunicorn:
        return await_listeners(stack)
    return _await_workers(stack.app, blueprint.arms[0].settings.workers, blueprint.start_timeout_s)


def _await_workers(gunicorn: SupervisedProcess, count: int, limit_s: float) -> tuple[int, ...]:
    """Return the pids of the workers once there are `count`: gunicorn starts them one after the other, with pauses."""
    deadline, name = time.monotonic() + limit_s, gunicorn.command.name
    while len(pids := gunicorn.worker_pids()) < count:
        if time.monotonic() > deadline:
            raise StackError(f"{name} has {len(pids)} of its {count} workers after {limit_s:g} s, its start_timeout_s.")
        time.sleep(POLL_S)
    return pids
