"""The browser in which pages are opened."""

from collections.abc import Iterator

import pytest

from tests.support.browser import Page, find_browser, opened


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    program = find_browser()
    if program is None:
        pytest.skip("there is no Chromium here; on Debian scripts/setup test would have unpacked one")
    with opened(program, tmp_path_factory.mktemp("profile")) as found:
        yield found
