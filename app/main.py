"""The service as an ASGI application: `gunicorn -k uvicorn_worker.UvicornWorker app.main:app` runs it by hand."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app import answers


async def hello(_request: Request) -> Response:
    return JSONResponse(answers.hello())


async def spike(request: Request) -> Response:
    return JSONResponse(answers.spike(request.path_params["us"]))


async def stall(request: Request) -> Response:
    return JSONResponse(answers.stall(request.path_params["ms"]))  # nobody else is served meanwhile: that is the point


async def sized(request: Request) -> Response:
    return Response(answers.sized(request.path_params["size"]), media_type="application/octet-stream")


async def refuse(_request: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), status_code=400)


app = Starlette(
    routes=[
        Route("/spike/{us:path}", spike),
        Route("/stall/{ms:path}", stall),
        Route("/bytes/{size:path}", sized),
        Route("/{anything:path}", hello),
    ],
    exception_handlers={ValueError: refuse},
)
