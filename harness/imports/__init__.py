"""Import results that other load tools wrote; incomplete files are refused."""
