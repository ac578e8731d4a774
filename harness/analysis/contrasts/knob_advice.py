"""Advice on kernel settings: what each change of knobs does over each transport, whatever the design of the run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from harness.analysis.contrasts.rates import in_rates
from harness.analysis.needed_budget import budget_to_decide
from harness.errors import ConfigError
from harness.model import HEADLINE_METRICS, Comparison, Experiment, JsonModel, JudgedEffect, MainEffect, Summary

Standing = Literal["helps", "trade-off", "harms", "equivalent", "undecided"]
Levels = Mapping[str, str]
KNOB, TRANSPORT, UNSET = "knobs.", "transport", "default"
CPU_TIME = "cpu"


class KnobEffect(Comparison):
    """The effect of a change over `transport`; `where` has the other settings in which the pairs of the run differ.

    `mixed_with` and `partly_mixed_with` are those of a main effect. `budget_s` would decide it; None: not needed, or
    more than a day.
    """

    transport: str
    where: dict[str, str] = Field(default_factory=dict)
    mixed_with: tuple[str, ...] = ()
    partly_mixed_with: int = 0
    budget_s: float | None = None


class KnobAdvice(JsonModel):
    """What a change of knobs from `base` to `at` does; `sysctls` has the name of each knob that is a sysctl."""

    at: dict[str, str]
    base: dict[str, str]
    sysctls: dict[str, str]
    standing: Standing
    effects: tuple[KnobEffect, ...]


class Advice(JsonModel):
    """The advice of a run: of its `load` and its `kernel`, and of no other."""

    format: Literal[1] = 1
    id: str
    experiment: str
    question: str
    directory: str
    valid: bool
    sessions: int
    kernel: str  # release
    load: str
    margin_percent: float
    is_screen: bool
    changes: tuple[KnobAdvice, ...]


def advise(experiment: Experiment, summary: Summary, kernel: str, sysctl_of: Callable[[str, str], str]) -> Advice:
    """Return the advice on every change of knobs; `sysctl_of` returns the sysctl of a knob with a value, or "".

    Raise ConfigError if the run changed no knob.
    """
    groups: dict[tuple[tuple[str, str], ...], list[tuple[Levels, KnobEffect]]] = {}
    for at, base, effect in _knob_effects(experiment, summary):
        groups.setdefault(tuple(sorted(at.items())), []).append((base, effect))
    if not groups:
        raise ConfigError(
            f"{summary.directory} compares no kernel settings: no two of its compared arms differ in knobs alone. "
            "Run an experiment with knobs, like kernel-screen or kernel-tcp."
        )
    family = sum(effect.p_adjusted is not None for group in groups.values() for _, effect in group)
    changes = []
    for settings, group in groups.items():
        trusted = [_drop_doubtful_verdict(summary, effect) for effect in _without_common_settings(group)]
        effects = [in_rates(_with_budget(experiment, summary, effect, family)) for effect in trusted]
        changes.append(
            KnobAdvice(
                at=dict(settings),
                base=dict(group[0][0]),
                sysctls={knob: name for knob, value in settings if (name := sysctl_of(knob, value))},
                standing=standing_of(effects),
                effects=tuple(effects),
            )
        )
    return Advice(
        **summary.model_dump(include={"id", "experiment", "question", "directory", "valid", "sessions"}),
        kernel=kernel,
        load=load_of(experiment),
        margin_percent=experiment.design.equivalence_percent,
        is_screen=bool(summary.main_effects),
        changes=tuple(changes),
    )


def standing_of(effects: Sequence[KnobEffect]) -> Standing:
    """Return whether a change helps, harms, does both, or matters to nobody: over all transports, in time and CPU time.

    Equivalent is only what is so in time over every transport.
    """
    verdicts = {effect.verdict for effect in effects}
    if verdicts >= {"faster", "slower"}:
        return "trade-off"
    if "faster" in verdicts or "slower" in verdicts:
        return "helps" if "faster" in verdicts else "harms"
    of_time = {effect.verdict for effect in effects if effect.metric in HEADLINE_METRICS} or verdicts
    return "equivalent" if of_time == {"equivalent"} else "undecided"


def load_of(experiment: Experiment) -> str:
    """Return the load of the arms in words: `1 connection, back to back`."""
    settings = [arm.settings for arm in experiment.arms]
    connections = sorted({arm.connections for arm in settings})
    paces = dict.fromkeys(_pace(arm.rate) for arm in settings)
    noun = "connection" if connections == [1] else "connections"
    return f"{' and '.join(map(str, connections))} {noun}, {' and '.join(paces)}"


def _pace(rate: float | str) -> str:
    if isinstance(rate, str):
        return f"{rate} of the capacity"
    return f"{rate:g} requests/s" if rate else "back to back"


def _knob_effects(experiment: Experiment, summary: Summary) -> Iterator[tuple[Levels, Levels, KnobEffect]]:
    """Yield (at, base, effect) of what changes knobs alone, in the headline metrics and in CPU time."""
    metrics = (*HEADLINE_METRICS, CPU_TIME)
    for main in summary.main_effects:
        if main.factor.startswith(KNOB) and main.metric in metrics:
            knob = main.factor.removeprefix(KNOB)
            yield {knob: main.at}, {knob: main.base}, _main_effect(summary, main)
    if summary.main_effects:
        return  # the runs of a screen differ in many knobs
    arms = {name: _flat_settings(summary, name) for name, arm in summary.arms.items() if not arm.control_of}
    varying = {key for arm in arms.values() for key in arm if len({other.get(key) for other in arms.values()}) > 1}
    effects: list[JudgedEffect] = [*summary.levels, *summary.comparisons]
    pairs = {
        (effect.arm, effect.against, effect.metric): effect
        for effect in effects
        if {effect.arm, effect.against} <= arms.keys() and effect.metric in metrics
    }
    for (arm, against, _), effect in pairs.items():
        ours, theirs = arms[arm], arms[against]
        changed = {key for key in {*ours, *theirs} if ours.get(key) != theirs.get(key)}
        if changed and all(key.startswith(KNOB) for key in changed):
            at, base = (
                {key.removeprefix(KNOB): of.get(key, UNSET) for key in sorted(changed)} for of in (ours, theirs)
            )
            defaults = experiment.arm(arm).settings  # a setting with its default is not in `ours`
            where = {
                key: ours.get(key) or str(getattr(defaults, key, UNSET))
                for key in sorted(varying - changed - {TRANSPORT})
            }
            yield at, base, _knob_effect(effect, transport=ours.get(TRANSPORT, ""), where=where)


def _main_effect(summary: Summary, main: MainEffect) -> KnobEffect:
    transports = dict.fromkeys(str(arm.settings.get(TRANSPORT, "")) for arm in summary.arms.values())
    return _knob_effect(
        main,
        transport=main.where.get(TRANSPORT) or " and ".join(transports),
        where={key: level for key, level in main.where.items() if key != TRANSPORT},
        mixed_with=main.mixed_with,
        partly_mixed_with=main.partly_mixed_with,
    )


def _without_common_settings(group: Sequence[tuple[Levels, KnobEffect]]) -> list[KnobEffect]:
    """Return the effects of one change; `where` keeps only what tells them apart."""
    effects = [effect for _, effect in group]
    common = set.intersection(*(set(effect.where.items()) for effect in effects))
    return [
        effect.model_copy(
            update={"where": {key: value for key, value in effect.where.items() if (key, value) not in common}}
        )
        for effect in effects
    ]


def _knob_effect(effect: JudgedEffect, **context: object) -> KnobEffect:
    return KnobEffect.model_validate(effect.model_dump(include=set(JudgedEffect.model_fields)) | context)


def _flat_settings(summary: Summary, arm: str) -> dict[str, str]:
    """Return the settings of an arm as text, each knob as a setting "knobs.NAME"."""
    settings = summary.arms[arm].settings
    knobs = {f"{KNOB}{name}": str(value) for name, value in settings.get("knobs", {}).items()}
    return {name: str(value) for name, value in settings.items() if name != "knobs"} | knobs


def _drop_doubtful_verdict(summary: Summary, effect: KnobEffect) -> KnobEffect:
    """Return the effect, without its verdict if the A/A control differs in its metric."""
    for control in summary.comparisons:
        is_control = summary.arms[control.arm].control_of is not None
        if is_control and control.metric == effect.metric and control.verdict in ("faster", "slower"):
            why = f"The A/A control differs: it is {control.verdict} than itself."
            return effect.model_copy(update={"verdict": None, "why": why})
    return effect


def _with_budget(experiment: Experiment, summary: Summary, effect: KnobEffect, family: int) -> KnobEffect:
    if effect.verdict != "undecided" or effect.metric not in HEADLINE_METRICS or effect.percent_low is None:
        return effect
    return effect.model_copy(update={"budget_s": budget_to_decide(experiment, summary, [effect], family)})
