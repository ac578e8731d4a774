"""Lenient numbers of JSON files of tools: 200.0 is accepted as a count, "200" as a number."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) and NUMBER.fullmatch(value.strip()) else value


def _count(value: Any) -> Any:
    """Return a whole number as int; leave anything else for the validator to reject."""
    number = _number(value)
    return int(number) if isinstance(number, float) and number.is_integer() else number


Count = Annotated[int, BeforeValidator(_count), Field(ge=0)]
Number = Annotated[float, BeforeValidator(_number), Field(ge=0)]
