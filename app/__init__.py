"""The measured web service: `app.main` speaks ASGI, `app.wsgi` speaks WSGI; both give the same answers."""
