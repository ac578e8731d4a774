"""The formats that can be read, one a file: its name is the format's name, its docstring the help text."""
