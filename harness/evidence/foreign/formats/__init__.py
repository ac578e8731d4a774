"""The formats that can be read, one a file: a file is a format, its name is its name, its docstring its help text."""
