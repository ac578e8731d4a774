"""The reports on what would run: `barehop plan`, `show` and `list`."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, get_args, get_origin

from harness.experiment.designs import Boot, short_names
from harness.experiment.plan import orders_of
from harness.experiment.problems import to_toml
from harness.model import Arm, Experiment, JsonModel, Pilot, Plan, Schedule, Settings
from harness.model.experiment import ORDERING_TEXTS
from harness.model.settings import ServiceSettings, StackSettings, varying_keys
from harness.report.cells import text_table
from harness.report.document import Column, NumberCell, Report, Row, Section, Table, TextCell
from harness.report.format import format_duration, join_with_and, pluralize
from harness.report.select import MIN_GAIN, OUR_CLIENT, PROGRAM_NAME

LIST_TITLE = "What an experiment file can name"
ROUNDS_SHOWN = 3
HIDDEN_FOR_SERVICES = StackSettings.model_fields.keys() | {"start"}
HIDDEN_FOR_STACKS = ServiceSettings.model_fields.keys()


class PlannedRun(JsonModel):
    """The output of `barehop plan --json`. A pilot determines the time where `expected_s` is None.

    `too_short` is a sentence, if the budget is. `problems`: why this machine has nothing to compare.
    """

    format: Literal[1] = 1
    plan: Plan
    expected_s: float | None
    too_short: str = ""
    problems: tuple[str, ...] = ()


class PlannedBoots(JsonModel):
    """The output of `barehop plan --boots --json`: for each boot its kernel parameters and the command of its run."""

    format: Literal[1] = 1
    experiment: str
    boots: tuple[Boot, ...]
    commands: tuple[str, ...]
    comparison: str


def plan_report(planned: PlannedRun) -> Report:
    """Return the report of a plan: the arms and their references, the schedule, the first rounds, the expected time."""
    plan = planned.plan
    experiment = plan.experiment
    names = [arm.name for arm in experiment.arms]
    orders = islice(orders_of(plan, 1), ROUNDS_SHOWN)
    rounds = [(str(number), ", ".join(names[place] for place in order)) for number, order in enumerate(orders, start=1)]
    return Report(
        title=f"Plan of {experiment.name}",
        question=experiment.question,
        answer_label="Planned",
        warning=" ".join(["This machine cannot run it.", *planned.problems]) if planned.problems else "",
        answer=[planned.too_short or _expected_duration(planned.expected_s, experiment.design.budget_s)],
        sections=[
            Section("Arms", tables=[_arm_table(experiment)], notes=list(_arm_notes(experiment))),
            Section("Schedule", list(_schedule_sentences(plan))),
            Section("The first rounds of session 1", facts=rounds),
        ],
    )


def pilot_plan(schedule: Schedule, pilot: Pilot) -> str:
    """Return the schedule that the pilot chose, with the precision that it expected."""
    rounds = f"{pluralize(schedule.sessions, 'session')} x {pluralize(schedule.rounds, 'round')}"
    visit = f"{schedule.settle} warm-up and {pluralize(schedule.burst, 'timed request')}"
    gain = f", and an interval {pilot.gain:.1f} times narrower than from one arm after the other"
    return (
        f"Plan from the pilot: {rounds}; per visit {visit}. The pilot expected ±{pilot.half_width_percent:.2g} %"
        f"{gain if pilot.gain >= MIN_GAIN else ''}."
    )


def stack_report(arm: str, parts: Mapping[str, str]) -> Report:
    """Return everything that `arm` runs, unchanged: `parts` maps a title ("nginx.conf") to its text."""
    sections = [Section(title, listing=text.rstrip()) for title, text in parts.items()]
    return Report(title=f"What {arm} runs", answer=[f"What {arm} runs"], sections=sections)


def kinds_report(kinds: Sequence[tuple[str, str, str]]) -> Report:
    """Return a line for each kind, from its name, number and description, with the command that lists all of it."""
    rows = [
        Row([TextCell(name), NumberCell(number), TextCell(what), TextCell(f"{PROGRAM_NAME} list {name}")])
        for name, number, what in kinds
    ]
    columns = [Column("kind"), Column("number"), Column("what it is"), Column("command that lists them")]
    return Report(title=LIST_TITLE, answer=[], sections=[Section("", tables=[Table("", columns, rows)])])


def list_report(plugins: Mapping[str, Mapping[str, str]], *, has_settings: bool = True) -> Report:
    """Return a table for each kind of plug-in, after one of settings: `plugins` maps kind to name to help text."""
    sections = [
        Section(kind.capitalize(), tables=[text_table(("name", "what it is"), help_texts.items())])
        for kind, help_texts in plugins.items()
    ]
    if has_settings:
        sections.insert(0, Section("Settings of an arm", tables=[_setting_table()]))
    return Report(title=LIST_TITLE, answer=[], sections=sections)


def _setting_table() -> Table:
    """Return the table of all settings of an arm, with their defaults."""
    settings = []
    for name, field in Settings.model_fields.items():
        default = to_toml(field.get_default(call_default_factory=True))
        settings.append((name, default, f"{field.description}{_choices(field.annotation)}"))
    return text_table(("setting", "default", "what it is"), settings)


def plan_boots(boots: Sequence[Boot], config: str, name: str, cli_overrides: Sequence[str]) -> PlannedBoots:
    """Return the commands of the boots; each run also takes the overrides of the command line, `cli_overrides`."""
    directories = [f"results/{name}/boot-{number}" for number in range(1, len(boots) + 1)]
    commands = [
        ["barehop", "run", config, "--out", directory]
        + [word for override in (*cli_overrides, *boot.overrides) for word in ("--set", override)]
        for boot, directory in zip(boots, directories, strict=True)
    ]
    return PlannedBoots(
        experiment=name,
        boots=tuple(boots),
        commands=tuple(map(shlex.join, commands)),
        comparison=shlex.join(["barehop", "compare", *directories]),
    )


def boots_report(planned: PlannedBoots) -> Report:
    """Return the instructions."""
    boots = enumerate(zip(planned.boots, planned.commands, strict=True), start=1)
    return Report(
        title=f"Boots of {planned.experiment}",
        answer=[f"{len(planned.boots)} boots in this order. Reboot before each."],
        sections=[
            *(
                Section(
                    f"Boot {number}",
                    listing=f"# On the kernel command line (check in /proc/cmdline):\n{' '.join(boot.parameters)}\n"
                    f"# Then:\n{command}",
                )
                for number, (boot, command) in boots
            ),
            Section("After the last boot", listing=planned.comparison),
        ],
    )


def _arm_table(experiment: Experiment) -> Table:
    arms, against, levels = experiment.arms, dict(experiment.pairs), experiment.levels
    varying = varying_keys([arm.settings.flatten() for arm in arms])
    rows = []
    for arm in arms:
        differences = _changed_factors(arm, levels) if levels else _differing_settings(arm, varying)
        if arm.control_of is not None:
            differences = f"nothing: A/A control of {arm.control_of}"
        rows.append((arm.name, differences, against.get(arm.name, "")))
    return text_table(("arm", "what is changed" if levels else "what differs", "compared with"), rows)


def _changed_factors(arm: Arm, levels: Mapping[str, Mapping[str, str]]) -> str:
    """Return the factors of a screen's arm that are not at their first level."""
    first = next(iter(levels.values()))
    names = short_names(list(first))
    changed = [f"{names[key]}={level}" for key, level in levels.get(arm.name, {}).items() if level != first[key]]
    return ", ".join(changed) or "nothing"


def _differing_settings(arm: Arm, varying: Sequence[str]) -> str:
    flat, hidden = arm.settings.flatten(), HIDDEN_FOR_SERVICES if arm.settings.url else HIDDEN_FOR_STACKS
    return ", ".join(f"{key} = {to_toml(flat[key])}" for key in varying if key in flat and key not in hidden)


def _arm_notes(experiment: Experiment) -> Iterator[str]:
    """Yield the screen of the arms, the factors expected to have no effect, and what all arms share."""
    if experiment.levels:
        first = next(iter(experiment.levels.values()))
        levels = ", ".join(f"{key}={level}" for key, level in first.items())
        yield f"The arms are the runs of the screen {experiment.design.screen}. The first has {levels}."
    if nulls := experiment.design.expect_null:
        yield f"Expected to have no effect: {join_with_and([name.removeprefix('knobs.') for name in nulls])}."

    defaults, flat = Settings().flatten(), experiment.arms[0].settings.flatten()
    varying = varying_keys([arm.settings.flatten() for arm in experiment.arms])
    shared = [key for key in flat if key not in varying and flat[key] != defaults.get(key)]
    if shared:
        yield f"All have {', '.join(f'{key} = {to_toml(flat[key])}' for key in shared)}."


def _schedule_sentences(plan: Plan) -> Iterator[str]:
    schedule, seed = plan.schedule, plan.experiment.design.seed
    about = "about " if schedule.visiting_s else ""
    rounds = f"{pluralize(schedule.sessions, 'session')} of {about}{pluralize(schedule.rounds, 'round')}"
    yield f"{rounds}; each round visits every arm once, {ORDERING_TEXTS[schedule.ordering]} (seed {seed})."
    tools = dict.fromkeys(arm.settings.tool for arm in plan.experiment.arms)
    yield f"A visit is {' or '.join(_visit_of_tool(tool, schedule) for tool in tools)}."
    if counters := plan.experiment.counters:
        listed = ", ".join(f"{name} ({event})" for name, event in counters.items())
        yield f"Counted per request, in bursts that are not timed: {listed}."
    yield f"Reason: {schedule.reason}."


def _visit_of_tool(tool: str, schedule: Schedule) -> str:
    if tool == OUR_CLIENT:
        return f"{schedule.settle} warm-up and {pluralize(schedule.burst, 'timed request')}"
    return f"one run of {tool} after {pluralize(schedule.settle, 'warm-up request')}"


def _expected_duration(expected_s: float | None, budget_s: float) -> str:
    budget = f"the budget is {format_duration(budget_s)}"
    if expected_s is None:
        return f"A pilot determines the duration; {budget}."
    return f"Expected duration: {format_duration(expected_s)}; {budget}."


def _choices(annotation: Any) -> str:
    return f": {', '.join(get_args(annotation))}" if get_origin(annotation) is Literal else ""
