"""Reads the counters of an arm between its bursts: as bytes while time matters, and as numbers afterwards."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.evidence.counters import machine, network, processes
from harness.evidence.counters.source import Source
from harness.lab.kernelfiles import HERE, Roots
from harness.lab.network.netns import HOST, Network
from harness.model import Snapshot

PIECE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Gauge:
    """Files that stay open. `unseen` says in sentences what is not counted, and why."""

    sources: tuple[Source, ...]
    descriptors: tuple[int, ...]
    unseen: tuple[str, ...]

    def before(self) -> Snapshot:
        """What every file says now, the client's last. Raises OSError when a process has ended; a thread may."""
        return tuple(map(_read, self.descriptors, self.sources))

    def after(self) -> Snapshot:
        """The same read the other way round, so that reading is not counted as the client's work."""
        return tuple(map(_read, reversed(self.descriptors), reversed(self.sources)))[::-1]

    def between(self, before: Snapshot, after: Snapshot) -> dict[str, int]:
        """By how much each counter grew, over all files that have it."""
        grown: dict[str, int] = {}
        for source, old, new in zip(self.sources, before, after, strict=True):
            if not new and not (old and source.handed_on):
                continue  # a thread that has ended
            was, then = source.parse(old.decode(errors="replace")), source.parse(new.decode(errors="replace"))
            for name in then or was:
                counter = f"{source.whose}.{name}"
                grown[counter] = grown.get(counter, 0) + then.get(name, 0) - was.get(name, 0)
        return grown


@contextmanager
def gauge(
    pids: Mapping[str, Sequence[int]],
    roots: Roots = HERE,
    networks: Sequence[Network] = (),
    started: Mapping[str, Sequence[int]] | None = None,
) -> Iterator[Gauge]:
    """The gauge of processes by role, of `networks`, or else that of a server, and of the machine.

    `started` are processes that servers have started, which may end while the gauge is open.
    """
    with ExitStack() as until_the_end:
        opened: list[tuple[Source, int]] = []
        unseen: list[str] = []
        for source, where in _located(pids, roots, networks, started or {}):
            try:
                with where.entered():  # what is opened of a network stays that network's
                    descriptor = os.open(source.path, os.O_RDONLY)
                until_the_end.callback(os.close, descriptor)
                text = _whole(descriptor)
            except OSError as error:  # PSI that is switched off can be opened and not read
                if source.lasting:
                    unseen.append(f"{source.missing} {_where(source.path)} cannot be read: {error.strerror}.")
                continue
            if problem := _problem(source, text):
                unseen.append(problem)
            else:
                opened.append((source, descriptor))
        sources, descriptors = zip(*opened, strict=True) if opened else ((), ())
        yield Gauge(sources, descriptors, tuple(dict.fromkeys(unseen)))


def _located(
    pids: Mapping[str, Sequence[int]],
    roots: Roots,
    networks: Sequence[Network],
    started: Mapping[str, Sequence[int]],
) -> Iterator[tuple[Source, Network]]:
    """Everything that is read, and from where."""
    yield from ((source, HOST) for source in machine.sources(roots.proc))
    if networks:
        yield from _of_networks(networks, roots.proc / "thread-self/net")
    else:
        yield from ((source, HOST) for source in _of_server(pids, roots.proc))
    yield from ((source, HOST) for source in processes.sources(pids, roots.proc, started))


def _of_networks(networks: Sequence[Network], net: Path) -> Iterator[tuple[Source, Network]]:
    """The first is of all that a rung does not move: only the links of the others are the rung's."""
    for number, where in enumerate(networks):
        yield from ((source, where) for source in (network.rung_sources(net) if number else network.sources(net)))


def _of_server(pids: Mapping[str, Sequence[int]], proc: Path) -> list[Source]:
    """The network is that of a server, for the client may be elsewhere."""
    servers = [pid for role, some in pids.items() if role != "client" for pid in some]
    return network.sources(proc / str(servers[0]) / "net") if servers else []


def unseen_by(gauges: Mapping[str, Gauge]) -> tuple[str, ...]:
    """The sentences of all, each once."""
    return tuple(dict.fromkeys(sentence for one in gauges.values() for sentence in one.unseen))


def _read(descriptor: int, source: Source) -> bytes:
    try:
        return os.pread(descriptor, PIECE_BYTES, 0)
    except ProcessLookupError:
        if source.lasting:
            raise
        return b""


def _whole(descriptor: int) -> bytes:
    """Files of /proc have no size until they are read."""
    text = b""
    while piece := os.pread(descriptor, PIECE_BYTES, len(text)):
        text += piece
    return text


def _problem(source: Source, text: bytes) -> str | None:
    """Why a file that can be read counts nothing."""
    where = _where(source.path)
    if len(text) > source.longest_bytes:
        return f"{source.missing} {where} is too long to be read so often: {len(text)} bytes."
    if source.lasting and not source.parse(text.decode(errors="replace")):
        return f"{source.missing} {where} does not count it on this kernel."
    return None


def _where(path: Path) -> str:
    """/proc/123/task/123/sched is /proc/N/task/N/sched: one sentence for all processes."""
    parts = ["N" if part.isdigit() else part for part in path.parts[1:]]
    return "/" + "/".join(parts)
