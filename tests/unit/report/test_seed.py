"""The seed's published numbers, and when they are shown."""

from pathlib import Path

from harness.model import Summary
from harness.report.sections.imported import (
    HERE,
    inconsistent_cells,
    own_and_published_cells,
    percent_against_first,
    published_cells,
)

DATA = Path(__file__).parents[2] / "data" / "report"


def summary(name: str) -> Summary:
    return Summary.model_validate_json((DATA / f"{name}.json").read_text(encoding="utf-8"))


def test_three_places_published_three_architectures() -> None:
    assert len({(cell.where, cell.architecture) for cell in published_cells()}) == 9


def test_a_result_with_the_seeds_architectures_stands_beside_them() -> None:
    cells = own_and_published_cells(summary("seed"))

    assert [cell.architecture for cell in cells if cell.where == HERE] == ["tcp", "sharedvolume", "combined"]
    assert cells[3:] == published_cells()


def test_another_experiment_is_not_compared_with_the_seed() -> None:
    assert own_and_published_cells(summary("baseline")) == []


def test_percents_follow_from_the_rates() -> None:
    cells = published_cells()

    assert percent_against_first(cells[0], cells) is None
    assert f"{percent_against_first(cells[4], cells):.1f}" == "13.4"


def test_the_one_row_that_does_not_add_up_is_noted() -> None:
    assert list(inconsistent_cells(published_cells())) == [
        "docker-desktop-macos combined is inconsistent: 1.871 ms per request, but its 705.55 requests/s "
        "imply 1.417 ms at 1 connection."
    ]


def test_our_own_numbers_are_never_called_a_misfit() -> None:
    assert len(list(inconsistent_cells(own_and_published_cells(summary("seed"))))) == 1
