"""The blocks of README.md that scripts fill: lines between `<!-- NAME -->` and `<!-- end of NAME -->`."""

import re
import textwrap
from pathlib import Path

from harness.errors import ConfigError

README = Path(__file__).parents[1] / "README.md"
WIDTH = 120


def fill_block(readme: str, name: str, text: str) -> str:
    """Return the README with `text` as its block `name`. Raises ConfigError if it has no such block."""
    place = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->\n)", re.DOTALL)
    if not place.search(readme):
        raise ConfigError(f"README.md has no lines between <!-- {name} --> and <!-- end of {name} -->. Add them.")
    return place.sub(lambda _: f"{text}\n", readme)


def wrap(text: str, indent: str = "") -> str:
    """Return a paragraph in lines that fit; `indent` begins all lines but the first."""
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
