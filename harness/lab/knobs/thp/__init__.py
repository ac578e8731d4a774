"""Transparent huge pages (Documentation/admin-guide/mm/transhuge.rst)."""
