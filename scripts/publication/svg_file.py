"""A figure as an SVG file of its own, in the colors of a light or a dark page, without scripts or other files."""

import re
from importlib.resources import files
from xml.etree.ElementTree import Element, SubElement, fromstring, indent, tostring

from harness.report.document import Figure
from harness.report.format import typeset_numbers
from harness.report.html.svg import WIDTH, draw_figure

SCHEMES = ("light", "dark")
PADDING, TITLE_HEIGHT = 12, 26  # in the units of the drawing
SCALE = 1.25  # pixels for a unit, where there is room: letters as large as the text around them
FONTS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif'
COLOR, USE_OF_COLOR = re.compile(r"--([\w-]+): ([^;]+);"), re.compile(r"var\(--([\w-]+)\)")


def svg_file(figure: Figure, scheme: str) -> str:
    """Return the figure with its title on top; its alternative text is the description of the image."""
    drawn = fromstring(draw_figure(figure))  # noqa: S314 - ours
    width, height = WIDTH + 2 * PADDING, float(drawn.attrib["viewBox"].split()[3]) + 2 * PADDING + TITLE_HEIGHT
    image = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "aria-labelledby": "title desc"})
    image.set("viewBox", f"{-PADDING} {-PADDING - TITLE_HEIGHT} {width} {height:g}")
    image.set("width", f"{SCALE * width:g}")
    image.set("height", f"{SCALE * height:g}")
    SubElement(image, "title", id="title").text = typeset_numbers(figure.title)
    SubElement(image, "desc", id="desc").text = typeset_numbers(figure.alt)
    SubElement(image, "style").text = f".plot {{ font-family: {FONTS}; }}\n{_template('figures.css')}"
    panel = {"x": f"{-PADDING}", "y": f"{-PADDING - TITLE_HEIGHT}", "width": f"{width}", "height": f"{height:g}"}
    SubElement(image, "rect", {**panel, "rx": "6", "fill": "var(--page)"})
    plot = SubElement(image, "g", {"class": "plot"})
    heading = SubElement(plot, "text", {"class": "strong", "x": "0", "y": f"{-TITLE_HEIGHT / 2:g}"})
    heading.text = typeset_numbers(figure.title)
    plot.extend(drawn)
    indent(image, " ")
    colors = _colors(scheme)
    return USE_OF_COLOR.sub(lambda use: colors[use[1]], tostring(image, encoding="unicode")) + "\n"


def _template(name: str) -> str:
    return files("harness.report.html").joinpath("templates", name).read_text(encoding="utf-8")


def _colors(scheme: str) -> dict[str, str]:
    """Return the colors of reports by name: the style sheet has the light ones first, then the dark ones."""
    light, dark = _template("page.css").split("@media screen and (prefers-color-scheme: dark)")
    return dict(COLOR.findall(dark if scheme == "dark" else light))
