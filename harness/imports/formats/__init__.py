"""The formats that can be imported, a file each: its name is the format's name, its docstring the help text."""
