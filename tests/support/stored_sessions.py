"""Reads one session of a results directory, as it was written."""

from polars import DataFrame

from harness.model import Record
from harness.store.files import parse_requests, read_file, read_model
from harness.store.integrity import session_paths
from harness.store.store import Store


def read_record(store: Store, session: int) -> Record:
    return read_model(session_paths(store.directory, session)[0], Record)


def read_requests(store: Store, session: int) -> DataFrame:
    path = session_paths(store.directory, session)[1]
    return parse_requests(path, read_file(path))
