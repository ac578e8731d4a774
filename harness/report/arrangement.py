"""Renders what would be measured, and what an experiment can be made of."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, get_args, get_origin

from rich.console import RenderableType
from rich.table import Table

from harness.experiment.plan import orders_of
from harness.experiment.screens import short_names
from harness.model import Arm, Experiment, Pilot, Plan, Schedule, Settings
from harness.report import page
from harness.report.page import Paragraph, grid, heading, verbatim
from harness.report.wording import counted, duration

ROUNDS_SHOWN = 3
OUR_CLIENT = "client"
UNTOLD_OF_SERVICES = ("transport", "start")
UNTOLD_OF_STACKS = ("url", "authority", "pids", "cgroup", "start")


def render_plan(
    plan: Plan, expected_s: float | None, too_short: str = "", *, width: int | None = None, color: bool = False
) -> str:
    """The question, the arms and what they are compared with, how much is measured, in which order, for how long.

    `too_short` is the sentence on a budget that is.
    """
    experiment = plan.experiment
    parts = [
        Paragraph(experiment.question, style="bold"),
        "",
        _arms(experiment),
        "",
        *_screen(experiment),
        *_common(experiment.arms),
        Paragraph(_schedule(plan)),
        "",
        heading("The first rounds of session 1"),
        *_rounds(plan),
        "",
        Paragraph(too_short or _time(expected_s, experiment.design.budget_s)),
    ]
    return page.render(parts, width=width, color=color)


def foreseen(schedule: Schedule, pilot: Pilot) -> str:
    """What a pilot chose and promises, in a sentence."""
    visit = f"{counted(schedule.settle, 'untimed request')} and {counted(schedule.burst, 'timed one')}"
    return (
        f"{counted(schedule.sessions, 'session')} of {counted(schedule.rounds, 'round')}, {visit} a visit: "
        f"±{pilot.half_width_percent:.2g} % expected, {pilot.gain:.1f} times as narrow as one arm after the other."
    )


def render_stack(arm: str, parts: Mapping[str, str], *, width: int | None = None, color: bool = False) -> str:
    """Everything that would be run for `arm`, as it is: `parts` maps what it is ("nginx.conf") to its text."""
    shown: list[RenderableType] = [heading(f"What {arm} runs")]
    for title, text in parts.items():
        shown += ["", heading(title), verbatim(text.rstrip())]
    return page.render(shown, width=width, color=color)


def render_list(plugins: Mapping[str, Mapping[str, str]], *, width: int | None = None, color: bool = False) -> str:
    """The settings of an arm, then a table for each kind of plug-in; `plugins` maps kind to name to help text."""
    parts: list[RenderableType] = [heading("Settings of an arm"), _settings()]
    for kind, help_texts in plugins.items():
        parts += ["", heading(kind.capitalize()), _table(("name", "what it is"), help_texts.items())]
    return page.render(parts, width=width, color=color)


def _arms(experiment: Experiment) -> Table:
    arms, against, varying = experiment.arms, dict(experiment.pairs), _varying(experiment.arms)
    if experiment.levels:
        rows = [(arm.name, _changed(arm, experiment.levels), against.get(arm.name, "")) for arm in arms]
        return _table(("arm", "what is changed", "compared with"), rows)
    rows = [(arm.name, _what(arm, varying), against.get(arm.name, "")) for arm in arms]
    return _table(("arm", "what differs", "compared with"), rows)


def _changed(arm: Arm, levels: Mapping[str, Mapping[str, str]]) -> str:
    """Of a screen's arm: where it leaves the first level of a factor."""
    if arm.control_of is not None:
        return f"nothing: it is {arm.control_of} a second time"
    first = next(iter(levels.values()))
    names = short_names(list(first))
    changed = [f"{names[key]}={level}" for key, level in levels[arm.name].items() if level != first[key]]
    return ", ".join(changed) or "nothing"


def _screen(experiment: Experiment) -> Iterator[RenderableType]:
    """Which design makes the arms, and what its first arm has."""
    if experiment.levels:
        first = next(iter(experiment.levels.values()))
        levels = ", ".join(f"{key}={level}" for key, level in first.items())
        yield Paragraph(f"The arms are the runs of the screen {experiment.design.screen}. The first has {levels}.")
        yield ""
    if nulls := experiment.design.expect_null:
        yield Paragraph(f"Expected to do nothing: {', '.join(name.removeprefix('knobs.') for name in nulls)}.")
        yield ""


def _varying(arms: Sequence[Arm]) -> list[str]:
    """The settings in which the arms differ from each other."""
    flat = [_flat(arm.settings) for arm in arms]
    keys = dict.fromkeys(key for settings in flat for key in settings)
    return [key for key in keys if any(settings.get(key) != flat[0].get(key) for settings in flat)]


def _what(arm: Arm, varying: Sequence[str]) -> str:
    if arm.control_of is not None:
        return f"nothing: it is {arm.control_of} a second time"
    flat, untold = _flat(arm.settings), UNTOLD_OF_SERVICES if arm.settings.url else UNTOLD_OF_STACKS
    return ", ".join(_assignment(key, flat[key]) for key in varying if key in flat and key not in untold)


def _common(arms: Sequence[Arm]) -> Iterator[RenderableType]:
    """What all arms have and the defaults do not."""
    defaults, flat, varying = _flat(Settings()), _flat(arms[0].settings), _varying(arms)
    shared = [key for key in flat if key not in varying and flat[key] != defaults.get(key)]
    if shared:
        yield Paragraph(f"All have {', '.join(_assignment(key, flat[key]) for key in shared)}.")
        yield ""


def _flat(settings: Settings) -> dict[str, Any]:
    """The settings, each knob by its dotted name."""
    values = settings.model_dump()
    return values | {f"knobs.{name}": level for name, level in values.pop("knobs").items()}


def _assignment(key: str, value: Any) -> str:
    return f"{key} = {_toml(value)}"


def _toml(value: Any) -> str:
    """A value as it is written in an experiment file."""
    if isinstance(value, dict):
        inside = ", ".join(_assignment(key, item) for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    return json.dumps(value)


def _schedule(plan: Plan) -> str:
    schedule, seed = plan.schedule, plan.experiment.design.seed
    about = "about " if schedule.visiting_s else ""
    rounds = f"{counted(schedule.sessions, 'session')} of {about}{counted(schedule.rounds, 'round')}"
    order = f"each round visits every arm once, in random order (seed {seed})"
    return f"{rounds}; {order}. A visit is {_visit(plan.experiment.arms, schedule)}. Reason: {schedule.reason}."


def _visit(arms: Sequence[Arm], schedule: Schedule) -> str:
    tools = dict.fromkeys(arm.settings.tool for arm in arms)
    return " or ".join(_visit_by(tool, schedule) for tool in tools)


def _visit_by(tool: str, schedule: Schedule) -> str:
    if tool == OUR_CLIENT:
        return f"{schedule.settle} untimed and {counted(schedule.burst, 'timed request')}"
    return f"one run of {tool} after {counted(schedule.settle, 'untimed request')}"


def _rounds(plan: Plan) -> Iterator[RenderableType]:
    names = [arm.name for arm in plan.experiment.arms]
    orders = list(islice(orders_of(plan, 1), ROUNDS_SHOWN + 1))
    for number, order in enumerate(orders[:ROUNDS_SHOWN], start=1):
        yield Paragraph(f"{number}  {', '.join(names[place] for place in order)}", first_indent="  ", indent="     ")
    if len(orders) > ROUNDS_SHOWN:
        yield Paragraph("...", first_indent="  ")


def _time(expected_s: float | None, budget_s: float) -> str:
    budget = f"the budget is {duration(budget_s)}"
    if expected_s is None:
        return f"How long it takes is seen in a pilot; {budget}."
    return f"Expected to take {duration(expected_s)}; {budget}."


def _settings() -> Table:
    rows = [
        (name, _toml(field.get_default(call_default_factory=True)), f"{field.description}{_choices(field.annotation)}")
        for name, field in Settings.model_fields.items()
    ]
    return _table(("setting", "default", "what it is"), rows)


def _choices(annotation: Any) -> str:
    return f": {', '.join(get_args(annotation))}" if get_origin(annotation) is Literal else ""


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = grid()
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
