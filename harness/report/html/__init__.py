"""The report as one self-contained HTML page: page.py fills templates/page.html.j2, svg.py draws the figures."""
