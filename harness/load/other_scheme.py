"""Finds out whether a url has the wrong scheme: a server that speaks TLS behind http, or plain HTTP behind https."""

import ssl
from dataclasses import replace

from harness.errors import StackError
from harness.load.ask import ask
from harness.load.client import endpoint_of
from harness.load.exchange import Endpoint
from harness.load.tls_faults import PLAIN
from harness.model import Reply, Target

MOST_S = 1.0
# What servers say to plain HTTP on a port of TLS: nginx, Go, Apache.
_ABOUT_TLS = (b"HTTPS port", b"HTTP request to an HTTPS server", b"SSL-enabled server port")
_NO_TLS = f"tls {PLAIN}"
_UNCLEAR = ("timeout", "reset", "no answer", "not http")


def scheme_problem(target: Target, reply: Reply | str) -> str:
    """The end of a sentence that says which scheme the url needs; "" where its own is right, as far as can be seen."""
    if target.socket:
        return ""
    if target.encrypted:
        unclear = isinstance(reply, str) and (reply in _UNCLEAR or reply.startswith("tls the server closed"))
        plain = reply == _NO_TLS or (unclear and _speaks_plainly(target))
        return "speaks plain HTTP there, not TLS. Write http:// instead of https://." if plain else ""
    if isinstance(reply, Reply):
        encrypts = reply.status == 400 and any(words in reply.body for words in _ABOUT_TLS)
    else:
        encrypts = reply in _UNCLEAR and _speaks_tls(target)
    return "speaks TLS there, not plain HTTP. Write https:// instead of http://." if encrypts else ""


def _speaks_plainly(target: Target) -> bool:
    try:
        return isinstance(ask(replace(target, tls=False, authority=None), target.path, _limit_s(target)), Reply)
    except StackError:
        return True


def _speaks_tls(target: Target) -> bool:
    """Whether there is a handshake; who the server is does not matter here."""
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    endpoint = endpoint_of(target)
    try:
        with Endpoint(endpoint.address, _limit_s(target), anybody, endpoint.name).unconnected() as sock:
            sock.connect(endpoint.address)
    except OSError:
        return False
    return True


def _limit_s(target: Target) -> float:
    return min(target.timeout_s, MOST_S)
