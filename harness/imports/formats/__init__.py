"""What each outside tool writes, one file per tool: `PLUGINS`, a table of formats. Load tools use the same parsers."""
