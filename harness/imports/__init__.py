"""Imports results that other load tools have written elsewhere, and refuses incomplete files."""
