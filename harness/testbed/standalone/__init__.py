"""Programs that run alone, with the standard library only: supervisor, servers, relay, sandbox entry."""
