"""Links into a page: every section and row has a name of its own."""

import re
from collections import Counter

from harness.report.cells import text_table
from harness.report.document import Report, Section
from harness.report.html.page import render_page

ID = re.compile(r'\bid="([^"]*)"')


def test_sections_and_rows_have_names_that_occur_once() -> None:
    table = text_table(("arm", "value"), [("tcp", "1"), ("tcp", "2"), ("%", "3")])
    report = Report(title="t", answer=["a"], sections=[Section("The numbers", tables=[table]), Section("The numbers")])
    names = ID.findall(render_page(report))
    assert {"the-numbers", "the-numbers-2", "the-numbers-tcp", "the-numbers-tcp-2"} <= set(names)
    assert [name for name, number in Counter(names).items() if number > 1] == []


def test_a_link_to_a_section_leads_to_it() -> None:
    page = render_page(Report(title="t", answer=["a"], sections=[Section("Why", ["Because."])]))
    assert '<section id="why">' in page
    assert 'href="#why"' in page
