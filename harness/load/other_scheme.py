"""Detect a wrong scheme in a url: a TLS server behind http, or a plain HTTP server behind https."""

import ssl
from dataclasses import replace

from harness.errors import StackError
from harness.load.ask import ask
from harness.load.client import endpoint_of
from harness.load.exchange import Endpoint
from harness.load.tls_faults import PLAIN
from harness.model import Reply, Target

MOST_S = 1.0
# Answers of nginx, Go and Apache to plain HTTP on a TLS port.
_ABOUT_TLS = (b"HTTPS port", b"HTTP request to an HTTPS server", b"SSL-enabled server port")
_NO_TLS = f"tls {PLAIN}"
_UNCLEAR = ("timeout", "reset", "no answer", "not http")


def scheme_problem(target: Target, reply: Reply | str) -> str:
    """Return the end of a sentence about the scheme that the url needs; "" if no error is detected."""
    if target.socket:
        return ""
    if target.encrypted:
        unclear = isinstance(reply, str) and (reply in _UNCLEAR or reply.startswith("tls the server closed"))
        plain = reply == _NO_TLS or (unclear and _speaks_plainly(target))
        return "speaks plain HTTP on this port, not TLS. Write http:// instead of https://." if plain else ""
    if isinstance(reply, Reply):
        encrypts = reply.status == 400 and any(words in reply.body for words in _ABOUT_TLS)
    else:
        encrypts = reply in _UNCLEAR and _speaks_tls(target)
    return "speaks TLS on this port, not plain HTTP. Write https:// instead of http://." if encrypts else ""


def _speaks_plainly(target: Target) -> bool:
    try:
        return isinstance(ask(replace(target, tls=False, authority=None), target.path, _limit_s(target)), Reply)
    except StackError:
        return True


def _speaks_tls(target: Target) -> bool:
    """Return whether a TLS handshake succeeds, with any certificate."""
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    endpoint = endpoint_of(target)
    try:
        with Endpoint(endpoint.address, _limit_s(target), unverified, endpoint.name).unconnected() as sock:
            sock.connect(endpoint.address)
    except OSError:
        return False
    return True


def _limit_s(target: Target) -> float:
    return min(target.timeout_s, MOST_S)
