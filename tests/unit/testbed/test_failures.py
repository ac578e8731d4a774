"""What a wrong answer says of itself, and the setting that may change it."""

import pytest

from harness.model import Reply, Settings
from harness.testbed.servers.failures import refusal_hint

HTML = {"content-type": "text/html; charset=utf-8"}
DJANGO_403 = b"""<!DOCTYPE html><html lang="en"><head><title>403 Forbidden</title>
<style>html * { padding:0; }</style></head><body><div id="summary"><h1>Forbidden <span>(403)</span></h1>
<p>CSRF verification failed. Request aborted.</p></div></body></html>"""


def hint(reply: Reply, **settings: object) -> str:
    return refusal_hint(Settings.model_validate(settings), "localhost", reply)


def redirect(location: str, **settings: object) -> str:
    return hint(Reply(302, {**HTML, "location": location}, b"<p>You should be redirected.</p>"), **settings)


def test_a_page_is_quoted_as_a_reader_sees_it() -> None:
    page = b"<head><style>h1 {}</style><script>f()</script></head><h1>Method Not Allowed</h1><p>Not &amp; never.</p>"
    assert hint(Reply(405, HTML, page)).startswith("It says: 'Method Not Allowed Not & never.'.")
    assert hint(Reply(500, HTML, b"<title>x</title><body>seen")) == "It says: 'x seen'."
    assert hint(Reply(500, HTML, b"<head><title>x</title><body>seen")) == "It says: 'seen'."


def test_a_refusal_for_want_of_a_csrf_token_says_how_to_send_one() -> None:
    sentence = hint(Reply(403, HTML, DJANGO_403), method="POST")
    assert sentence.startswith("It says: 'Forbidden (403) CSRF verification failed. Request aborted.'. If it checks")
    assert 'headers = { Cookie = "csrftoken=T", X-CSRFToken = "T" }' in sentence
    other = hint(Reply(403, HTML, b"<p>members only"))
    assert "csrftoken" not in other
    assert "Authorization" in other


@pytest.mark.parametrize("location", ["/new?a=1", "http://localhost/new?a=1"])
def test_a_redirect_on_the_same_host_says_the_path_to_set(location: str) -> None:
    assert redirect(location, path="/old").endswith('Set path to "/new?a=1" to measure what it leads to.')


def test_a_redirect_to_https_says_the_header_that_a_proxy_would_send() -> None:
    assert 'set headers = { X-Forwarded-Proto = "https" }' in redirect("https://localhost/")
    assert 'set headers = { X-Forwarded-Proto = "https" }' in redirect("https://localhost/a?b", path="/a?b")


def test_a_redirect_to_another_host_says_the_host_to_set() -> None:
    assert redirect("http://www.shop.example/").endswith('Set host to "www.shop.example".')


@pytest.mark.parametrize("location", ["http://localhost/", "new", "http://[", "http://login.example/in"])
def test_a_redirect_that_no_setting_follows_is_told_as_it_is(location: str) -> None:
    assert redirect(location) == f"It sends the client to {location!r}."
