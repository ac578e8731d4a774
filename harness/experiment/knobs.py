"""Check names and values of knobs, independently of the machine."""

import re
from collections.abc import Iterable, Iterator, Mapping

from harness import plugins
from harness.experiment.wording import Problem, did_you_mean
from harness.model import Knob, KnobValue
from harness.model.knobs import sysctl_touches

SYSCTL = re.compile(r"[A-Za-z0-9_-]+([./][A-Za-z0-9_:-]+)+")


def all_knobs() -> Mapping[str, Knob]:
    """Return every knob by its name, without the sysctls."""
    return plugins.table("harness.lab.knobs", Knob)


def knob_problems(knobs: Mapping[str, KnobValue]) -> Iterator[Problem]:
    """Yield unknown names and invalid values. Any name in the form of a sysctl is valid here."""
    ours = all_knobs()
    for name, value in knobs.items():
        place = ("knobs", name)
        if name in ours:
            if text := ours[name].problem(value):
                yield Problem(place, value, text)
        elif not SYSCTL.fullmatch(name):
            known = [*ours, "any sysctl by its name"]
            yield Problem(place, value, f"there is no such knob.{did_you_mean(name, known)}")


def of_tcp_alone(names: Iterable[str]) -> Iterator[str]:
    """Yield the knobs that can affect only TCP connections."""
    ours = all_knobs()
    for name in names:
        touches = ours[name].touches if name in ours else sysctl_touches(name)
        if touches == "tcp":
            yield name
