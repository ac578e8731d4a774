"""Flame graphs of the difference between two arms: callers above, what they call below; undecided frames are grey."""

from collections.abc import Iterator, Sequence

from harness.analysis.why.flame import LEAST_SHARE, FlameFrame, FlameGraph, width_us
from harness.model import ProfilePart
from harness.report.document import Axis, Figure, Frame, Mark, Points, Style
from harness.report.figures.style import short_name
from harness.report.format import join_with_and

ROW_HEIGHT = 18  # pixels
STEPS = (1 / 6, 1 / 2)  # of the largest difference: where colors become stronger
LEGEND_STEP = 2
UNDECIDED = "undecided-frame"
BLOCK_SHARE = 0.1  # of a role: a wider frame with nothing below it is not drawn, to make room for the others
MOST_SPOKEN = 5  # frames in the alternative text
READING = (
    "Flame graphs: below each function stands what it calls. Its width is its CPU time per request, the mean of both "
    "arms, with all that it calls; its color is the difference, stronger where it is larger, and grey where it is "
    f"undecided. Functions with less than {LEAST_SHARE:.0%} of the CPU time are left out. Point at one for its numbers."
).replace("%", " %")


def flame_figure(graph: FlameGraph) -> Figure:
    """Return the graph of a role, without the role itself and without wide blocks of its own code."""
    role, *frames = graph.frames
    followed = zip(frames, [*frames[1:], role], strict=True)
    blocks = [frame for frame, after in followed if _is_block(frame, after, BLOCK_SHARE * width_us(role.part))]
    drawn = [frame for frame in frames if frame not in blocks]
    largest_us = max((abs(frame.part.us.value) for frame in drawn), default=0.0)
    marks: list[Mark] = [*_legend(graph)]
    for frame in drawn:
        start_us = frame.start_us - sum(width_us(b.part) for b in blocks if b.start_us < frame.start_us)
        text, style = frame_text(frame.part), Style(frame_color(frame.part, largest_us))
        end_us = start_us + width_us(frame.part)
        marks.append(Frame(frame.depth - 1, start_us, end_us, style, frame.part.name.partition(" (")[0], text))
    rows = max((frame.depth for frame in drawn), default=1)
    total_us = sum(width_us(frame.part) for frame in drawn if frame.depth == 1)
    x = Axis(0, total_us or 1.0, "us per request, mean of both arms", has_grid=False)
    y = Axis(rows - 0.5, -0.5, is_visible=False)
    title = f"{graph.role}: {short_name(graph.arm)} against {short_name(graph.against)}"
    name = f"flame-{graph.arm}-{graph.against}-{graph.role}"
    alt = (
        f"Where the CPU time of {title} differs: {join_with_and([frame_text(part) for part in _largest_calls(drawn)])}."
    )
    return Figure(name, alt, ROW_HEIGHT * rows, x, y, marks, title, _caption(role.part, blocks))


def _is_block(frame: FlameFrame, after: FlameFrame, least_us: float) -> bool:
    """Return whether `frame` is a wide one with nothing above or below it; `after` is the next one."""
    return frame.depth == 1 and after.depth <= 1 and width_us(frame.part) >= least_us


def _caption(role: ProfilePart, blocks: Sequence[FlameFrame]) -> str:
    whole = f"CPU time: {_amounts(role)}."
    left_out = [f"{block.part.name} {_amounts(block.part)}" for block in blocks]
    return f"{whole} Not drawn, because nothing is below it: {join_with_and(left_out)}." if left_out else whole


def _legend(graph: FlameGraph) -> Iterator[Points]:
    arm = short_name(graph.arm)
    labels = {f"less-{LEGEND_STEP}": f"less in {arm}", f"more-{LEGEND_STEP}": f"more in {arm}", UNDECIDED: "undecided"}
    for color, label in labels.items():
        yield Points([], [], Style(color, "square"), label)


def frame_color(part: ProfilePart, largest_us: float) -> str:
    """Return the color of a frame: its direction with a step of strength, or grey."""
    if part.verdict not in ("less", "more"):
        return UNDECIDED
    return f"{part.verdict}-{1 + sum(abs(part.us.value) > step * largest_us for step in STEPS)}"


def frame_text(part: ProfilePart) -> str:
    """Return the name of a frame with its difference, interval and verdict."""
    return f"{part.name} {_amounts(part)}"


def _amounts(part: ProfilePart) -> str:
    us = part.us
    interval = f" ({us.low:+.1f} to {us.high:+.1f})" if us.low is not None and us.high is not None else ""
    return f"{us.value:+.1f} us{interval}, {part.verdict}, {part.arm_us:.1f} instead of {part.against_us:.1f} us"


def _largest_calls(frames: Sequence[FlameFrame]) -> list[ProfilePart]:
    outermost = [frame.part for frame in frames if frame.depth == 1]
    return sorted(outermost, key=lambda part: -abs(part.us.value))[:MOST_SPOKEN]
