"""What the client asks of the serving machine, and what that answers.

A client asks `hello` once. For each session it asks `start`, warms the arms up, asks `ready`, and in a session that is
recorded `watch`. Around each visit it asks `read`, and nothing while the visit lasts. `unwatch` and `end` end it.
"""

from typing import Any, Literal

from pydantic import Field

from harness.model import Doubt, Experiment, JsonModel
from harness.model.record import ArmProof

Moment = Literal["cpu", "before", "after"]  # read CPU time, or the counters before or after a visit


class RemoteRequest(JsonModel):
    """A request of the client."""

    do: Literal["hello", "start", "ready", "watch", "read", "unwatch", "end"]
    session: int = 0  # to start; a pilot's is <= 0
    arm: str = ""  # to read
    moment: Moment = "cpu"
    requests: int = 0  # that were sent since `watch`


class Done(JsonModel):
    """An answer without content."""


class Failure(JsonModel):
    """The answer to a request that failed: the sentence, and the exit code of its class."""

    error: str
    exit_code: int


class Description(JsonModel):
    """What is served: the file with the options already applied to `experiment`, and the facts of the machine."""

    version: str
    document: str
    overrides: tuple[str, ...]
    experiment: Experiment
    host: dict[str, Any]
    start_limit_s: float  # for the servers of a session to start


class ServedArm(JsonModel):
    """Where an arm answers, the certificate (PEM) to trust there, and the proof of what serves it."""

    host: str
    port: int
    authority: str = ""
    proof: ArmProof


class ServedSession(JsonModel):
    """The arms of a session that has been started, by name."""

    arms: dict[str, ServedArm]


class Gaps(JsonModel):
    """A sentence for each counter that the serving machine does not have."""

    unseen: tuple[str, ...]


class Counts(JsonModel):
    """CPU time so far in ns by role, or the growth of counters, by name."""

    counts: dict[str, int]


class ServerDoubts(JsonModel):
    """What the serving machine observed during the visits."""

    doubts: tuple[Doubt, ...] = ()
    throttled: dict[str, dict[str, dict[str, int]]] = Field(default_factory=dict)  # as in `Record.throttled`
    connections: dict[str, int] = Field(default_factory=dict)  # by counter, of transports with counters of their own
