"""Lines of a text that a tool printed for eyes: a line that is there is read, or refused, and never passed over."""

import re


def read_line(text: str, label: str, pattern: re.Pattern[str]) -> re.Match[str] | None:
    """The match of `pattern` with the first line that begins with `label`; None where there is no such line.

    Raises ValueError where the line is there in another form.
    """
    line = re.search(rf"^{re.escape(label)}.*$", text, re.MULTILINE | re.IGNORECASE)
    if line is None:
        return None
    found = pattern.fullmatch(line[0])
    if found is None:
        raise ValueError(
            f"its line {line[0]!r} is not in the form that the tool prints. Give the file as it was printed."
        )
    return found


def lines_like(*patterns: str) -> re.Pattern[str]:
    """One pattern that matches each whole line that one of `patterns` does."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
