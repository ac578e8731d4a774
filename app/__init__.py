"""The web service that is measured: `app.main` speaks ASGI, `app.wsgi` WSGI, both give the same answers."""
