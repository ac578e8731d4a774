"""The measured web service: `app.main` is ASGI, `app.wsgi` is WSGI; both give the same answers."""
