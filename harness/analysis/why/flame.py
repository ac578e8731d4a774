"""Flame graphs of a difference: the frames of the stacks of two arms, each with its CPU time and its difference."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import polars as pl

from harness.analysis.contrasts.engine import RunEvidence
from harness.analysis.statistics.series import ArmPair
from harness.analysis.why.profile import LEAST_SAMPLES_PER_SESSION, profiled_sessions
from harness.analysis.why.samples import PartValues, all_samples, count_samples, judge_parts, part_values
from harness.analysis.why.subsystems import PYTHON, subsystem_of
from harness.model import ROLES, ProfilePart
from harness.model.profile import KERNEL_SUFFIX

LEAST_SHARE = 0.01  # of the CPU time of a role: smaller frames are not drawn
MOST_GRAPHS = 8


@dataclass(frozen=True, slots=True)
class FlameFrame:
    """A frame that begins at `start_us`; depth 0 is the whole role."""

    depth: int
    start_us: float
    part: ProfilePart  # with all that it calls; named as the function


@dataclass(frozen=True, slots=True)
class FlameGraph:
    """The frames of a role in two arms, callers first."""

    arm: str
    against: str
    role: str
    frames: tuple[FlameFrame, ...]


@dataclass(slots=True)
class _Tree:
    """The frames of all stacks as numbered nodes; node 0 is the root. A node is a frame below another node."""

    names: list[str] = field(default_factory=lambda: [""])
    nodes: dict[tuple[int, str], int] = field(default_factory=dict)

    def path(self, stack: str) -> list[str]:
        """Return the numbers of the nodes of a stack, from the root, as names of parts."""
        path = [0]
        for name in _frames(stack):
            node = self.nodes.setdefault((path[-1], name), len(self.names))
            if node == len(self.names):
                self.names.append(name)
            path.append(node)
        return [str(node) for node in path]

    def children(self) -> Mapping[str, Sequence[str]]:
        """Return the nodes below each node."""
        children: dict[str, list[str]] = {}
        for (parent, _), node in self.nodes.items():
            children.setdefault(str(parent), []).append(str(node))
        return children


def _frames(stack: str) -> Iterator[str]:
    """Yield the frames of a folded stack; functions of the interpreter in a row are one block, and so is recursion."""
    names = (PYTHON if subsystem_of(name) == PYTHON else name for name in stack.split(";"))
    for name, _ in groupby(names):
        yield name.removesuffix(KERNEL_SUFFIX)


def flame_graphs(evidence: RunEvidence) -> tuple[FlameGraph, ...]:
    """Return the graphs of roles in which a call differs, without controls; the largest difference first, at most 8.

    The frames of a pair are a family of their own. Empty without enough profiles.
    """
    sessions = profiled_sessions(evidence.sessions)
    if not sessions:
        return ()
    samples, tree = all_samples(sessions), _Tree()
    values = part_values(evidence, samples, _large_parts(count_samples(samples, tree.path)))
    least = LEAST_SAMPLES_PER_SESSION * len(sessions)
    controls = {arm.name for arm in evidence.experiment.arms if arm.control_of}
    graphs = [
        graph
        for pair in evidence.experiment.pairs
        if pair[0] not in controls
        for graph in _graphs_of_pair(evidence, pair, values, tree, least)
    ]
    return tuple(sorted(graphs, key=lambda graph: -abs(graph.frames[0].part.us.value))[:MOST_GRAPHS])


def _large_parts(counts: pl.DataFrame) -> pl.DataFrame:
    """Return the counts of the parts that have the least share of the samples of their role in an arm."""
    place = ["arm", "role", "part"]
    totals = counts.group_by(place).agg(pl.col("samples").sum())
    of_root = totals.filter(pl.col("part") == "0").drop("part")
    shares = totals.join(of_root, on=["arm", "role"], suffix="_of_root")
    large = shares.filter(pl.col("samples") >= LEAST_SHARE * pl.col("samples_of_root")).select("role", "part").unique()
    return counts.join(large, on=["role", "part"], how="semi", maintain_order="left")


def _graphs_of_pair(
    evidence: RunEvidence, pair: ArmPair, values: PartValues, tree: _Tree, least: int
) -> Iterator[FlameGraph]:
    parts = judge_parts(evidence, pair, values, least)
    children = tree.children()
    for role in ROLES:
        of_role = {
            node: part.model_copy(update={"name": tree.names[int(node)] or role})
            for (part_role, node), part in parts.items()
            if part_role == role
        }
        if "0" in of_role:
            least_us = LEAST_SHARE * width_us(of_role["0"])
            shown = {node: part for node, part in of_role.items() if width_us(part) >= least_us}
            frames = tuple(_place_frames("0", 0, 0.0, shown, children))
            if any(frame.depth > 1 and frame.part.verdict != "undecided" for frame in frames):
                yield FlameGraph(*pair, role, frames)


def width_us(part: ProfilePart) -> float:
    """Return the mean CPU time per request of both arms: what a frame calls is together not wider than the frame."""
    return (part.arm_us + part.against_us) / 2


def _place_frames(
    node: str, depth: int, start_us: float, parts: Mapping[str, ProfilePart], children: Mapping[str, Sequence[str]]
) -> Iterator[FlameFrame]:
    """Yield the frame of a node, then those below it from the left: the widest first."""
    yield FlameFrame(depth, start_us, parts[node])
    below = [child for child in children.get(node, ()) if child in parts]
    for child in sorted(below, key=lambda child: -width_us(parts[child])):
        yield from _place_frames(child, depth + 1, start_us, parts, children)
        start_us += width_us(parts[child])
