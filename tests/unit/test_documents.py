"""What README, GUIDE and LADDER name exists: commands, options, configurations, settings, headings and files."""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest

from harness.cli import COMMANDS, cli
from harness.cli.common import find_config
from harness.errors import ConfigError
from harness.experiment.read import read_experiment
from tests.support.command import CHECKOUT
from tests.support.documents import DOCUMENTS, blocks_of, prose_of, text_of

TAKES_CONFIG = ("run", "plan", "show", "serve", "doctor")
LINK = re.compile(r"\]\(([^()\s]*)\)")


def spans() -> Iterator[tuple[str, list[str]]]:
    """Yield each command of barehop that stands in the text, by document, as words after its name."""
    for document in DOCUMENTS:
        for span in re.findall(r"`([^`]+)`", prose_of(document)):
            words = words_of(span)
            if words[:1] == ["barehop"]:
                yield document, words[1:]
            elif words and words[0] in COMMANDS and any(word.startswith("--") for word in words):
                yield document, words
        for block in blocks_of(document):
            for line in block.text.replace("\\\n", " ").splitlines():
                if block.language != "toml" and re.match(r"(\S+/)?barehop ", line):
                    yield document, words_of(line)[1:]


def words_of(text: str) -> list[str]:
    """Return the words of a command; a text that no shell could read has none. Dots stand for more of the same."""
    try:
        return [word for word in shlex.split(text.replace("\\|", "|"), comments=True) if word != "..."]
    except ValueError:
        return []


COMMAND_SPANS = sorted({(document, shlex.join(words)) for document, words in spans()})


@pytest.mark.parametrize(("document", "text"), COMMAND_SPANS)
def test_a_command_in_the_documents_is_one_that_barehop_understands(document: str, text: str) -> None:
    check_command(shlex.split(text))


def check_command(words: Sequence[str]) -> None:
    """Assert that barehop would parse these words; those after `--` too, if they are a command of barehop."""
    if not words or words[0] in ("--help", "--version"):
        return
    command = cli.get_command(click.Context(cli), words[0])
    assert command, f"there is no command {words[0]}"
    own, inner = split_at(words[1:])
    parser = command.make_parser(click.Context(command, **command.context_settings))
    try:
        given, _, _ = parser.parse_args(list(own))
    except click.BadOptionUsage as problem:
        if problem.option_name != own[-1]:  # the last word may name an option without its value
            raise
        given = {}
    check_experiment(words[0], given)
    if inner[:1] == ["barehop"]:
        check_command(inner[1:])


def split_at(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words before `--` and those after it."""
    place = words.index("--") if "--" in words else len(words)
    return list(words[:place]), list(words[place + 1 :])


def check_experiment(command: str, given: dict[str, object]) -> None:
    """Assert that a configuration of that name exists, and that it takes the overrides. Capitals stand for any."""
    config, overrides = given.get("config"), given.get("overrides")
    names_one = command in TAKES_CONFIG and isinstance(config, str) and re.search(r"[a-z]$(?<!\.toml)", config)
    if names_one or isinstance(overrides, list):
        texts = [text for text in overrides if text != "KEY=VALUE"] if isinstance(overrides, list) else []
        read_experiment(find_config(Path(str(config) if names_one else "quick")), texts)


@pytest.mark.parametrize("wrong", ["run quick --bugdet 9", "tune -- barehop run quick --bugdet 9"])
def test_an_option_that_does_not_exist_is_found(wrong: str) -> None:
    with pytest.raises(click.NoSuchOption):
        check_command(shlex.split(wrong))


@pytest.mark.parametrize("wrong", ["run kwick", "plan quick --set arm.wokers=2", "run --set design.budget_s=soon"])
def test_a_configuration_or_an_override_that_does_not_exist_is_found(wrong: str) -> None:
    with pytest.raises(ConfigError):
        check_command(shlex.split(wrong))


def anchors(document: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", prose_of(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", [*DOCUMENTS, "CONTRIBUTING.md"])
def test_every_link_leads_to_a_file_and_a_heading(document: str) -> None:
    for target in LINK.findall(text_of(document)):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        assert (CHECKOUT / path).exists(), f"{document}: {target}"
        if anchor:
            assert anchor in anchors(path or document), f"{document}: {target}"
