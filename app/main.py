"""The service as an ASGI application; run it with `gunicorn -k uvicorn_worker.UvicornWorker app.main:app`."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app import answers

Endpoint = Callable[[Request], Awaitable[Response]]
WITH_BODY = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


async def hello(_request: Request) -> Response:
    """Answer any path with a small JSON object."""
    return JSONResponse(answers.hello())


async def spike(request: Request) -> Response:
    """Answer after the CPU time in the path."""
    return JSONResponse(answers.spike(request.path_params["us"]))


async def stall(request: Request) -> Response:
    """Answer with `stall()`, which blocks the event loop on purpose."""
    return JSONResponse(answers.stall(request.path_params["ms"]))


async def sized(request: Request) -> Response:
    """Answer with as many bytes as the path says."""
    return Response(answers.sized(request.path_params["size"]), media_type="application/octet-stream")


async def refuse(_request: Request, error: Exception) -> Response:
    """Answer 400 with the message of a ValueError."""
    return PlainTextResponse(str(error), status_code=400)


def after_body(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint that reads the whole body of the request and then answers like `endpoint`."""

    async def answer(request: Request) -> Response:
        await request.body()
        return await endpoint(request)

    return answer


ENDPOINTS: dict[str, Endpoint] = {
    "/spike/{us:path}": spike,
    "/stall/{ms:path}": stall,
    "/bytes/{size:path}": sized,
    "/{anything:path}": hello,
}
app = Starlette(
    routes=[
        *(Route(path, endpoint) for path, endpoint in ENDPOINTS.items()),
        *(Route(path, after_body(endpoint), methods=WITH_BODY) for path, endpoint in ENDPOINTS.items()),
    ],
    exception_handlers={ValueError: refuse},
)
