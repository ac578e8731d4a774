"""The index of results/published: what each page asks and answers, when and where it was measured, how to repeat it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.model import JsonModel, Summary
from harness.report.answer import summary_answer
from harness.report.sections.background import machine_facts
from harness.report.sections.profile import calls_sentence, code_sentence, shown_profiles
from harness.session.summarize import RunResults
from scripts.markdown_page import render_markdown
from scripts.publication.pages import PAGES, PUBLISHED, RunPage, StudyPage

INDEX_DATA, INDEX_PAGE = PUBLISHED / "index.json", PUBLISHED / "README.md"
BOLD = re.compile(r"^\*\*(.+?)\*\*", re.MULTILINE)
BOOT_DIGITS = 6  # of the boot's hash, which names a machine


class Entry(JsonModel):
    """A line of the index; `machine` names the machine until it is started again, `code` what a profile found."""

    page: str
    question: str
    answer: str
    date: str
    machine: str
    command: str
    code: str = ""


class Index(JsonModel):
    """The content of index.json."""

    entries: tuple[Entry, ...] = ()


def run_entry(page: RunPage, results: RunResults) -> Entry:
    """Return the entry of a run."""
    return Entry(
        page=page.page,
        question=results.summary.question,
        answer=summary_answer(results.summary, results.plan.experiment.design),
        date=results.records[0].started_utc[:10],
        machine=machine_name(results.host),
        command=page.command,
        code=" ".join(_code(results.summary)),
    )


def _code(summary: Summary) -> list[str]:
    last = shown_profiles(summary)[-1:]
    return [sentence for profile in last for sentence in (code_sentence(profile), calls_sentence(profile)) if sentence]


def study_entry(page: StudyPage, date: str, host: Mapping[str, Any]) -> Entry:
    """Return the entry of a study that was measured on `date`; the answer is the first bold sentence of its page."""
    found = BOLD.search((PUBLISHED / page.page).read_text(encoding="utf-8"))
    return Entry(
        page=page.page,
        question=page.question,
        answer=found[1] if found else "",
        date=date,
        machine=machine_name(host),
        command=page.command,
    )


def machine_name(host: Mapping[str, Any]) -> str:
    """Return system and CPUs, and digits that differ between machines."""
    facts = dict(machine_facts(host))
    boot = str((host.get("identity") or {}).get("boot") or "")[:BOOT_DIGITS]
    return "; ".join(filter(None, [facts.get("System"), facts.get("CPUs"), boot and f"boot {boot}"]))


def read_index(path: Path = INDEX_DATA) -> Index:
    """Return the published index; an empty one if there is none."""
    return Index.model_validate_json(path.read_bytes()) if path.is_file() else Index()


def renew_entries(index: Index, new: Iterable[Entry]) -> Index:
    """Return the index with `new` in the places of older entries of the same pages, in the order of PAGES."""
    entries = {entry.page: entry for entry in index.entries} | {entry.page: entry for entry in new}
    order = [page.page for page in PAGES]
    return Index(entries=tuple(entries[page] for page in order if page in entries))


def index_page(index: Index) -> str:
    """Return the index as Markdown."""
    template = Path(__file__).with_name("index.md.j2")
    return render_markdown(template, entries=index.entries, machines=_machines(index.entries))


def _machines(entries: Sequence[Entry]) -> dict[str, str]:
    """Return a letter for each machine, in the order in which they appear."""
    names = dict.fromkeys(entry.machine for entry in entries)
    return {name: chr(ord("A") + number) for number, name in enumerate(names)}
