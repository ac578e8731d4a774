"""Lines of the text output of a tool: a line that is present is parsed or rejected, never ignored."""

import re


def read_line(text: str, label: str, pattern: re.Pattern[str]) -> re.Match[str] | None:
    """Return the match of `pattern` with the first line that begins with `label`; None without such a line.

    Raise ValueError if the line has another form.
    """
    line = re.search(rf"^{re.escape(label)}.*$", text, re.MULTILINE | re.IGNORECASE)
    if line is None:
        return None
    match = pattern.fullmatch(line[0])
    if match is None:
        raise ValueError(
            f"its line {line[0]!r} is not in the form that the tool prints. Give the file as it was printed."
        )
    return match


def lines_like(*patterns: str) -> re.Pattern[str]:
    """Return a pattern that matches what any of `patterns` matches."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
