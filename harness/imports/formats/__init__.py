"""Parsers of tools' output, one file per tool: `PLUGINS` are the formats of `--beside`. `load.tools` runs tools."""
