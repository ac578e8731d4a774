"""Network rungs, a file each: what can lie on the path of a connection. Each builds on the one below."""
