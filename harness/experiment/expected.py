"""Find the settings that are declared to have no effect, and those that affect only TCP."""

from collections.abc import Iterator, Sequence

from harness.experiment.knobs import of_tcp_alone
from harness.experiment.wording import Problem, did_you_mean
from harness.model import Arm, Design, Settings

KNOB = "knobs."


def null_problems(arms: Sequence[Arm], design: Design) -> Iterator[Problem]:
    """Yield a problem for each setting of `design.expect_null` that has the same value in all arms."""
    varying = _varying(arms)
    for index, name in enumerate(design.expect_null):
        if whole_name(name) not in varying:
            names = [key.removeprefix(KNOB) for key in varying]
            text = f"no two arms differ in this setting.{did_you_mean(name, names)}"
            yield Problem(("design", "expect_null", index), name, text)


def whole_name(name: str) -> str:
    """Return `name` as in `[factors]`: a knob may be given without `knobs.`."""
    return name if name in Settings.model_fields or name.startswith(KNOB) else f"{KNOB}{name}"


def tcp_only(arms: Sequence[Arm]) -> tuple[str, ...]:
    """Return the knobs of the arms that can affect only TCP, named as in `[factors]`."""
    names = dict.fromkeys(name for arm in arms for name in arm.settings.knobs)
    return tuple(f"{KNOB}{name}" for name in of_tcp_alone(names))


def _varying(arms: Sequence[Arm]) -> list[str]:
    flat = [_flat(arm.settings) for arm in arms]
    keys = dict.fromkeys(key for settings in flat for key in settings)
    return [key for key in keys if any(settings.get(key) != flat[0].get(key) for settings in flat)]


def _flat(settings: Settings) -> dict[str, object]:
    values = settings.model_dump()
    return values | {f"{KNOB}{name}": value for name, value in values.pop("knobs").items()}
