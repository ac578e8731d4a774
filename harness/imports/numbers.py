"""Finds numbers in the output of tools: in JSON by their path, in labelled lines, and in rows of single requests."""

import json
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, Self

from harness.model import ToolResult

NUMERIC_TEXT = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
NO_PATTERN = r"(?!)"


@dataclass(frozen=True, slots=True)
class JsonObject:
    """An object of a JSON document, whose values are found by paths of keys. A wrong value raises ValueError."""

    content: Mapping[str, Any]
    place: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the object that is the whole of `text`."""
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"it is cut off, or not JSON: {error}. Give the file as the tool wrote it.") from error
        if not isinstance(content, dict):
            raise ValueError(f"it is {text[:80]!r}, not a JSON object. Give the file as the tool wrote it.")
        return cls(content)

    def value(self, *path: str) -> Any:
        """Return the value at `path`; None without one."""
        value: Any = self.content
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def number(self, *path: str) -> float:
        """Return a number that is finite and not negative; it may stand in quotes."""
        number = self.number_or_none(*path)
        return self._refuse(path, "a number") if number is None else number

    def number_or_none(self, *path: str) -> float | None:
        """Return the same as `number`; None without a value, or for null."""
        value = self.value(*path)
        if isinstance(value, str) and NUMERIC_TEXT.fullmatch(value.strip()):
            value = float(value)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= sys.float_info.max:
            self._refuse(path, "a number")
        return float(value)

    def count(self, *path: str, default: int | None = None) -> int:
        """Return a whole number; without a value, `default` if there is one."""
        number = self.number_or_none(*path)
        if number is None and default is not None:
            return default
        return int(number) if number is not None and number.is_integer() else self._refuse(path, "a whole number")

    def counts(self, *path: str) -> dict[str, int]:
        """Return all whole numbers of an object by their key."""
        return {key: self.count(*path, key) for key in self.object(*path).content}

    def object(self, *path: str) -> "JsonObject":
        """Return the object at `path`."""
        value = self.value(*path)
        return JsonObject(value, (*self.place, *path)) if isinstance(value, dict) else self._refuse(path, "an object")

    def objects(self, *path: str) -> list["JsonObject"]:
        """Return the objects of a list; none without a list."""
        listed = self.value(*path) or []
        if not isinstance(listed, list) or not all(isinstance(value, dict) for value in listed):
            self._refuse(path, "a list of objects")
        return [JsonObject(value, (*self.place, *path)) for value in listed]

    def percentiles_us(
        self, unit_us: float, names: Mapping[str, float], pattern: str = NO_PATTERN
    ) -> dict[float, float]:
        """Return the times of the object by percentile: those of `names`, and those of keys like `pattern`.

        Group 1 of `pattern` is the percentile. Nulls are left out; so is everything where all times are 0.
        """
        matches = ((key, re.fullmatch(pattern, key)) for key in self.content)
        percents = {**names, **{key: float(match[1].replace("_", ".")) for key, match in matches if match}}
        times = {percent: self.number_or_none(key) for key, percent in percents.items()}
        known_us = {percent: unit_us * time for percent, time in sorted(times.items()) if time is not None}
        return known_us if any(known_us.values()) else {}

    def _refuse(self, path: Sequence[str], kind: str) -> NoReturn:
        value = self.value(*path)
        shown = "missing" if value is None else f"{str(value)[:40]!r}"
        raise ValueError(
            f"{'.'.join((*self.place, *path))} is {shown}, not {kind}. Give the file as the tool wrote it."
        )


def label_patterns(forms: Mapping[str, str]) -> dict[str, str]:
    """Return patterns of lines that begin with the label and a colon, by label."""
    return {label: f"{re.escape(label)}: *{form}" for label, form in forms.items()}


def read_lines(text: str, lines: Mapping[str, str], reason: str = "it is cut off, or was changed") -> list[str]:
    """Return the groups of the first line in the form of each of `lines`. Raise ValueError if one is missing."""
    groups: list[str] = []
    for name, form in lines.items():
        match = re.search(f"^(?:{form})$", text, re.MULTILINE)
        if match is None:
            raise ValueError(f"it has no line {name!r} as the tool prints it: {reason}. Measure again.")
        groups += match.groups()
    return groups


def read_optional_line(text: str, label: str, form: str) -> list[str]:
    """Return the groups of the line that begins with `label`; none without one. Raise ValueError for another form."""
    line = re.search(f"^{re.escape(label)}.*$", text, re.MULTILINE | re.IGNORECASE)
    return read_lines(line[0], {line[0]: form}) if line else []


def line_pattern(*forms: str) -> re.Pattern[str]:
    """Return a pattern that matches what any of `forms` matches."""
    return re.compile("|".join(f"(?:{form})" for form in forms))


def whole_lines(text: str) -> list[str]:
    """Return the lines that are not empty. Raise ValueError if the last one has no end."""
    if not text.endswith("\n"):
        raise ValueError("its last line is incomplete: it is cut off. Measure again.")
    return [line for line in text.split("\n") if line.strip()]


def split_statuses(counts: Mapping[str, int]) -> tuple[int, dict[str, int]]:
    """Return the number of right answers, with status 2xx, and the other requests as failures by kind.

    Status 0 is a request without an answer.
    """
    failed = {status: count for status, count in counts.items() if count and not status.startswith("2")}
    kinds = {"no answer" if status == "0" else f"status {status}": count for status, count in failed.items()}
    return sum(counts.values()) - sum(failed.values()), kinds


class TimedAnswer(NamedTuple):
    """A request with its status; 0 without an answer."""

    start_us: float
    time_us: float
    status: int


def result_of_answers(
    answers: Sequence[TimedAnswer], resolution_us: float, failures: Mapping[str, int] | None = None
) -> ToolResult:
    """Return the result of single requests, and of further `failures`, which have no time."""
    _, failed = split_statuses(Counter(str(answer.status) for answer in answers))
    begin_us = min((answer.start_us for answer in answers), default=0.0)
    end_us = max((answer.start_us + answer.time_us for answer in answers), default=0.0)
    right_us = [answer.time_us for answer in answers if 200 <= answer.status < 300]
    all_failures = Counter(failed) + Counter(failures or {})
    return ToolResult.from_times(right_us, all_failures, (end_us - begin_us) / 1e6, resolution_us)
