"""Flame graphs as figures: colors by verdict, numbers when pointed at, wide blocks named in the caption."""

import re
from importlib.resources import files

from harness.analysis.why.flame import FlameFrame, FlameGraph
from harness.model import Interval, ProfilePart
from harness.report.document import Frame
from harness.report.figures.flame_graphs import flame_figure, frame_color
from harness.report.format import typeset_numbers
from harness.report.html.svg import draw_figure

STYLES = files("harness.report.html").joinpath("templates/page.css").read_text(encoding="utf-8")


def part(name: str, arm_us: float, against_us: float, verdict: str = "undecided") -> ProfilePart:
    value = arm_us - against_us
    us = Interval(value=value, low=value - 1, high=value + 1)
    return ProfilePart.model_validate(
        {"role": "app", "name": name, "us": us, "arm_us": arm_us, "against_us": against_us, "samples": 99}
        | {"verdict": verdict}
    )


GRAPH = FlameGraph(
    "unix",
    "tcp",
    "app",
    (
        FlameFrame(0, 0, part("app", 120, 130, "less")),
        FlameFrame(1, 0, part("Python interpreter", 80, 80)),
        FlameFrame(1, 80, part("__send (libc.so.6)", 20, 40, "less")),
        FlameFrame(2, 80, part("tcp_sendmsg", 0, 36, "less")),
        FlameFrame(1, 110, part("<close> & more", 10, 10)),
    ),
)


def frames() -> dict[str, Frame]:
    return {mark.label: mark for mark in flame_figure(GRAPH).marks if isinstance(mark, Frame)}


def test_widths_are_the_mean_of_both_arms_without_the_block_before_them() -> None:
    send = frames()["__send"]
    assert (send.y, send.start, send.end) == (0, 0, 30)
    assert (frames()["tcp_sendmsg"].y, frames()["tcp_sendmsg"].end) == (1, 18)
    assert flame_figure(GRAPH).x.high == 40


def test_a_wide_block_is_named_instead_of_drawn() -> None:
    assert "Python interpreter" not in frames()
    caption = flame_figure(GRAPH).caption
    assert caption.startswith("CPU time: -10.0 us (-11.0 to -9.0), less, 120.0 instead of 130.0 us.")
    assert "Not drawn, because nothing is below it: Python interpreter +0.0 us" in caption


def test_undecided_frames_are_grey_and_others_have_their_direction_and_strength() -> None:
    assert frames()["<close> & more"].style.color == "undecided-frame"
    assert frames()["tcp_sendmsg"].style.color == "less-3"
    assert frame_color(part("f", 2, 1, "more"), 36) == "more-1"
    assert frame_color(part("f", 12, 1, "more"), 36) == "more-2"


def test_every_color_is_there_in_light_and_dark() -> None:
    for name in ("undecided-frame", *(f"{side}-{step}" for side in ("less", "more") for step in (1, 2, 3))):
        assert len(re.findall(rf"--{name}: #", STYLES)) == 2


def test_a_frame_says_its_numbers_when_pointed_at() -> None:
    drawing = str(draw_figure(flame_figure(GRAPH)))
    text = typeset_numbers("tcp_sendmsg -36.0 us (-37.0 to -35.0), less, 0.0 instead of 36.0 us")
    assert f"<title>{text}</title>" in drawing
    assert "&lt;close&gt; &amp; more" in drawing


def test_a_graph_of_a_block_alone_can_be_drawn() -> None:
    graph = FlameGraph("unix", "tcp", "app", GRAPH.frames[:2])
    assert "CPU time" in flame_figure(graph).caption
    draw_figure(flame_figure(graph))
