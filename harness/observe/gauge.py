"""Reads the counters of an arm between its bursts: as bytes while measuring, and as numbers afterwards."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.model import GaugeSnapshot
from harness.observe.counters import CounterFile, machine_sources, network_sources, process_sources, rung_sources
from harness.testbed.machine.procfs import HOST_ROOTS, Roots
from harness.testbed.network.namespace import HOST_NETWORK, NetworkNamespace

CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Gauge:
    """Counter files that stay open, and sentences on what is not counted, and why."""

    sources: tuple[CounterFile, ...]
    descriptors: tuple[int, ...]
    uncounted: tuple[str, ...]

    def read_before(self) -> GaugeSnapshot:
        """Read every file, the client's last. Raise OSError when a process has ended; a thread may end."""
        return tuple(map(_read, self.descriptors, self.sources))

    def read_after(self) -> GaugeSnapshot:
        """Read every file in the opposite order, so that the client's counts do not include the reading."""
        return tuple(map(_read, reversed(self.descriptors), reversed(self.sources)))[::-1]

    def growth(self, before: GaugeSnapshot, after: GaugeSnapshot) -> dict[str, int]:
        """Return the growth of each counter, summed over all files that have it."""
        growth: dict[str, int] = {}
        for source, old, new in zip(self.sources, before, after, strict=True):
            if not new and not (old and source.is_inherited):
                continue  # a thread that has ended
            first, last = source.parse(old.decode(errors="replace")), source.parse(new.decode(errors="replace"))
            for name in last or first:
                counter = f"{source.owner}.{name}"
                growth[counter] = growth.get(counter, 0) + last.get(name, 0) - first.get(name, 0)
        return growth


@contextmanager
def open_gauge(
    pids: Mapping[str, Sequence[int]],
    roots: Roots = HOST_ROOTS,
    networks: Sequence[NetworkNamespace] = (),
    started: Mapping[str, Sequence[int]] | None = None,
) -> Iterator[Gauge]:
    """Open the counters of the machine, of processes by role, and of `networks`, by default a server's namespace.

    `started` are processes that servers have started, which may end while the gauge is open.
    """
    with ExitStack() as exit_stack:
        opened: list[tuple[CounterFile, int]] = []
        problems: list[str] = []
        for source, namespace in _sources(pids, roots, networks, started or {}):
            try:
                with namespace.enter():  # an open file stays that of the namespace it was opened in
                    descriptor = os.open(source.path, os.O_RDONLY)
                exit_stack.callback(os.close, descriptor)
                text = _read_whole(descriptor)
            except OSError as error:  # PSI that is switched off can be opened and not read
                if source.is_lasting:
                    problems.append(f"{source.unknown} {_generic_path(source.path)} cannot be read: {error.strerror}.")
                continue
            if problem := _problem(source, text):
                problems.append(problem)
            else:
                opened.append((source, descriptor))
        sources, descriptors = zip(*opened, strict=True) if opened else ((), ())
        yield Gauge(sources, descriptors, tuple(dict.fromkeys(problems)))


def _sources(
    pids: Mapping[str, Sequence[int]],
    roots: Roots,
    networks: Sequence[NetworkNamespace],
    started: Mapping[str, Sequence[int]],
) -> Iterator[tuple[CounterFile, NetworkNamespace]]:
    """Yield every source with the namespace in which to open it."""
    yield from ((source, HOST_NETWORK) for source in machine_sources(roots.proc))
    if networks:
        yield from _namespace_sources(networks, roots.proc / "thread-self/net")
    else:
        yield from ((source, HOST_NETWORK) for source in _server_sources(pids, roots.proc))
    yield from ((source, HOST_NETWORK) for source in process_sources(pids, roots.proc, started))


def _namespace_sources(
    networks: Sequence[NetworkNamespace], net: Path
) -> Iterator[tuple[CounterFile, NetworkNamespace]]:
    """Yield the sources of each namespace; those after the first are added by a rung, with their links."""
    for number, namespace in enumerate(networks):
        yield from ((source, namespace) for source in (rung_sources(net) if number else network_sources(net)))


def _server_sources(pids: Mapping[str, Sequence[int]], proc: Path) -> list[CounterFile]:
    """Return the sources of a server's namespace: the client may be in another one."""
    servers = [pid for role, role_pids in pids.items() if role != "client" for pid in role_pids]
    return network_sources(proc / str(servers[0]) / "net") if servers else []


def uncounted_by(gauges: Mapping[str, Gauge]) -> tuple[str, ...]:
    """Return the sentences of all gauges on what is not counted, without repetitions."""
    return tuple(dict.fromkeys(sentence for gauge_ in gauges.values() for sentence in gauge_.uncounted))


def _read(descriptor: int, source: CounterFile) -> bytes:
    try:
        return os.pread(descriptor, CHUNK_BYTES, 0)
    except ProcessLookupError:
        if source.is_lasting:
            raise
        return b""


def _read_whole(descriptor: int) -> bytes:
    """Read all chunks: files of /proc have no size until they are read."""
    text = b""
    while chunk := os.pread(descriptor, CHUNK_BYTES, len(text)):
        text += chunk
    return text


def _problem(source: CounterFile, text: bytes) -> str | None:
    """Return why a readable file counts nothing."""
    path = _generic_path(source.path)
    if len(text) > source.max_bytes:
        return f"{source.unknown} {path} is too long to be read so often: {len(text)} bytes."
    if source.is_lasting and not source.parse(text.decode(errors="replace")):
        return f"{source.unknown} {path} does not count it on this kernel."
    return None


def _generic_path(path: Path) -> str:
    """Return /proc/N/task/N/sched for /proc/123/task/123/sched: one sentence for all processes."""
    parts = ["N" if part.isdigit() else part for part in path.parts[1:]]
    return "/" + "/".join(parts)
