"""Reports a plan before it is run: `barehop plan`."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, get_args, get_origin

from rich.console import RenderableType
from rich.table import Table

from harness.experiment.designs import Boot, short_names
from harness.experiment.problems import to_toml
from harness.experiment.schedule import orders_of
from harness.model import Arm, Experiment, Pilot, Plan, Schedule, Settings
from harness.model.settings import ServiceSettings, StackSettings, varying_keys
from harness.report.format import format_duration, join_with_and, pluralize
from harness.report.terminal import Paragraph, bold_heading, empty_table, render_parts, verbatim

ROUNDS_SHOWN = 3
OUR_CLIENT = "client"
MIN_GAIN = 1.1  # of interleaving, that is worth mentioning
HIDDEN_FOR_SERVICES = StackSettings.model_fields.keys() | {"start"}
HIDDEN_FOR_STACKS = ServiceSettings.model_fields.keys()


def render_plan(
    plan: Plan, expected_s: float | None, too_short: str = "", *, width: int | None = None, color: bool = False
) -> str:
    """Return the question, the arms and their references, the schedule, the first rounds and the expected time.

    `too_short` is a sentence that replaces the expected time if the budget is too short.
    """
    experiment = plan.experiment
    parts = [
        Paragraph(experiment.question, style="bold"),
        "",
        _arm_table(experiment),
        "",
        *_screen_paragraphs(experiment),
        *_common_settings(experiment.arms),
        Paragraph(_schedule_text(plan)),
        "",
        bold_heading("The first rounds of session 1"),
        *_first_rounds(plan),
        "",
        Paragraph(too_short or _expected_duration(expected_s, experiment.design.budget_s)),
    ]
    return render_parts(parts, width=width, color=color)


def pilot_plan(schedule: Schedule, pilot: Pilot) -> str:
    """Return the schedule that the pilot chose, with the expected precision."""
    rounds = f"{pluralize(schedule.sessions, 'session')} x {pluralize(schedule.rounds, 'round')}"
    visit = f"{schedule.settle} warm-up and {pluralize(schedule.burst, 'timed request')}"
    gain = f", interval {pilot.gain:.1f} times narrower than running one arm after the other"
    return (
        f"Plan from the pilot: {rounds}; per visit {visit}. Expected precision ±{pilot.half_width_percent:.2g} %"
        f"{gain if pilot.gain >= MIN_GAIN else ''}."
    )


def render_stack(arm: str, parts: Mapping[str, str], *, width: int | None = None, color: bool = False) -> str:
    """Return everything that `arm` runs, unchanged: `parts` maps a title ("nginx.conf") to its text."""
    blocks: list[RenderableType] = [bold_heading(f"What {arm} runs")]
    for title, text in parts.items():
        blocks += ["", bold_heading(title), verbatim(text.rstrip())]
    return render_parts(blocks, width=width, color=color)


def render_list(plugins: Mapping[str, Mapping[str, str]], *, width: int | None = None, color: bool = False) -> str:
    """Return the settings of an arm and a table for each kind of plug-in: `plugins` maps kind to name to help text."""
    parts: list[RenderableType] = [bold_heading("Settings of an arm"), _settings_table()]
    for kind, help_texts in plugins.items():
        parts += ["", bold_heading(kind.capitalize()), _text_table(("name", "what it is"), help_texts.items())]
    return render_parts(parts, width=width, color=color)


def _arm_table(experiment: Experiment) -> Table:
    arms, against, varying = experiment.arms, dict(experiment.pairs), _varying_settings(experiment.arms)
    if experiment.levels:
        rows = [(arm.name, _changed_factors(arm, experiment.levels), against.get(arm.name, "")) for arm in arms]
        return _text_table(("arm", "what is changed", "compared with"), rows)
    rows = [(arm.name, _differing_settings(arm, varying), against.get(arm.name, "")) for arm in arms]
    return _text_table(("arm", "what differs", "compared with"), rows)


def _changed_factors(arm: Arm, levels: Mapping[str, Mapping[str, str]]) -> str:
    """Return the factors of a screen's arm that are not at their first level."""
    if arm.control_of is not None:
        return f"nothing: A/A control of {arm.control_of}"
    first = next(iter(levels.values()))
    names = short_names(list(first))
    changed = [f"{names[key]}={level}" for key, level in levels[arm.name].items() if level != first[key]]
    return ", ".join(changed) or "nothing"


def _screen_paragraphs(experiment: Experiment) -> Iterator[RenderableType]:
    """Yield the screen of the arms, the levels of its first arm, and the factors expected to have no effect."""
    if experiment.levels:
        first = next(iter(experiment.levels.values()))
        levels = ", ".join(f"{key}={level}" for key, level in first.items())
        yield Paragraph(f"The arms are the runs of the screen {experiment.design.screen}. The first has {levels}.")
        yield ""
    if nulls := experiment.design.expect_null:
        yield Paragraph(
            f"Expected to have no effect: {join_with_and([name.removeprefix('knobs.') for name in nulls])}."
        )
        yield ""


def _varying_settings(arms: Sequence[Arm]) -> list[str]:
    """Return the settings in which the arms differ."""
    return varying_keys([arm.settings.flatten() for arm in arms])


def _differing_settings(arm: Arm, varying: Sequence[str]) -> str:
    if arm.control_of is not None:
        return f"nothing: A/A control of {arm.control_of}"
    flat, hidden = arm.settings.flatten(), HIDDEN_FOR_SERVICES if arm.settings.url else HIDDEN_FOR_STACKS
    return ", ".join(_assignment(key, flat[key]) for key in varying if key in flat and key not in hidden)


def _common_settings(arms: Sequence[Arm]) -> Iterator[RenderableType]:
    """Yield the settings that all arms share and that are not the defaults."""
    defaults, flat, varying = Settings().flatten(), arms[0].settings.flatten(), _varying_settings(arms)
    shared = [key for key in flat if key not in varying and flat[key] != defaults.get(key)]
    if shared:
        yield Paragraph(f"All have {', '.join(_assignment(key, flat[key]) for key in shared)}.")
        yield ""


def _assignment(key: str, value: object) -> str:
    return f"{key} = {to_toml(value)}"


def _schedule_text(plan: Plan) -> str:
    schedule, seed = plan.schedule, plan.experiment.design.seed
    about = "about " if schedule.visiting_s else ""
    rounds = f"{pluralize(schedule.sessions, 'session')} of {about}{pluralize(schedule.rounds, 'round')}"
    order = f"each round visits every arm once, in random order (seed {seed})"
    return f"{rounds}; {order}. A visit is {_visit_text(plan.experiment.arms, schedule)}. Reason: {schedule.reason}."


def _visit_text(arms: Sequence[Arm], schedule: Schedule) -> str:
    tools = dict.fromkeys(arm.settings.tool for arm in arms)
    return " or ".join(_visit_of_tool(tool, schedule) for tool in tools)


def _visit_of_tool(tool: str, schedule: Schedule) -> str:
    if tool == OUR_CLIENT:
        return f"{schedule.settle} warm-up and {pluralize(schedule.burst, 'timed request')}"
    return f"one run of {tool} after {pluralize(schedule.settle, 'warm-up request')}"


def _first_rounds(plan: Plan) -> Iterator[RenderableType]:
    names = [arm.name for arm in plan.experiment.arms]
    orders = list(islice(orders_of(plan, 1), ROUNDS_SHOWN + 1))
    for number, order in enumerate(orders[:ROUNDS_SHOWN], start=1):
        yield Paragraph(f"{number}  {', '.join(names[place] for place in order)}", first_indent="  ", indent="     ")
    if len(orders) > ROUNDS_SHOWN:
        yield Paragraph("...", first_indent="  ")


def _expected_duration(expected_s: float | None, budget_s: float) -> str:
    budget = f"the budget is {format_duration(budget_s)}"
    if expected_s is None:
        return f"A pilot determines the duration; {budget}."
    return f"Expected duration: {format_duration(expected_s)}; {budget}."


def _settings_table() -> Table:
    rows = [
        (
            name,
            to_toml(field.get_default(call_default_factory=True)),
            f"{field.description}{_choices(field.annotation)}",
        )
        for name, field in Settings.model_fields.items()
    ]
    return _text_table(("setting", "default", "what it is"), rows)


def _choices(annotation: Any) -> str:
    return f": {', '.join(get_args(annotation))}" if get_origin(annotation) is Literal else ""


def _text_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = empty_table()
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def render_boots(
    boots: Sequence[Boot], config: str, name: str, cli_overrides: Sequence[str], *, width: int | None = None
) -> str:
    """Return the instructions; each run also takes the overrides of the command line, `cli_overrides`."""
    parts: list[RenderableType] = [Paragraph(f"{len(boots)} boots in this order. Reboot before each.")]
    directories = [f"results/{name}/boot-{number}" for number in range(1, len(boots) + 1)]
    for number, (boot, directory) in enumerate(zip(boots, directories, strict=True), start=1):
        words = ["barehop", "run", config, "--out", directory]
        words += [word for override in (*cli_overrides, *boot.overrides) for word in ("--set", override)]
        parts += ["", bold_heading(f"Boot {number}"), Paragraph("On the kernel command line (check in /proc/cmdline):")]
        parts += [verbatim(" ".join(boot.parameters)), Paragraph("Then:"), verbatim(shlex.join(words))]
    parts += ["", bold_heading("After the last boot"), verbatim(shlex.join(["barehop", "compare", *directories]))]
    return render_parts(parts, width=width, color=False)
