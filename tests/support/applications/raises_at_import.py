"""Cannot be imported: it wants its database."""

raise RuntimeError("the database is not there")
