"""An application that answers as its path says: /status/404, /echo, /environment."""

import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] != "http":
        return
    path = scope["raw_path"].decode() + ("?" + scope["query_string"].decode() if scope["query_string"] else "")
    status = int(path.removeprefix("/status/")) if path.startswith("/status/") else 200
    said = {
        "path": path,
        "http_version": scope["http_version"],
        "environment": dict(os.environ),
        "cwd": str(Path.cwd()),
    }
    headers = [(b"content-type", b"application/json"), (b"x-barehop-upstream", b"forged")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})
