"""A TLS certificate for one stack; the key of its authority is never written."""

from dataclasses import dataclass
from pathlib import Path

from harness.model.rungs import FAR, GATEWAY, LOOPBACK

CHAIN_AND_KEY = "server.pem"


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of a certificate."""

    authority: Path
    chain_and_key: Path


def certificate_paths(directory: Path) -> Certificate:
    """Return the paths of a certificate's files in `directory`."""
    return Certificate(authority=directory / "authority.pem", chain_and_key=directory / CHAIN_AND_KEY)


def write_certificate(paths: Certificate) -> None:
    """Write both files; their directory must exist."""
    import trustme  # takes 250 ms, and few experiments need it

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(paths.authority))
    paths.chain_and_key.touch(mode=0o600)
    certificate = authority.issue_cert(LOOPBACK, GATEWAY, FAR)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(paths.chain_and_key))
