"""A server of the standard library, told where to listen: HOST PORT; a third word says how it misbehaves."""

import json
import random
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

host, port, *habits = sys.argv[1:]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"hello": "world", "utcnow": "2021-12-27T00:31", "random": random.random()}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


match habits:
    case ["dies"]:
        sys.exit("no mood to serve")
    case ["daemon"]:
        sys.exit(0)
    case ["silent"]:
        time.sleep(60)
    case ["elsewhere"]:
        port = "0"
    case ["everywhere"]:
        host = ""
    case ["stale", file]:
        Path(file).write_text(port)
        time.sleep(60)
HTTPServer((host, int(port)), Handler).serve_forever()
