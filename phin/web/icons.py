"""The page's icon in pixels, for phones, which take no SVG: drawn from icon.svg, whose few kinds of shapes it knows."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"
SAFE = 0.8
"""Of a maskable icon's width: what lies outside this circle a phone may cut off (W3C, Web Application Manifest)."""


def png(svg: Path, pixels: int, maskable: bool = False) -> bytes:
    """The icon as a PNG of so many pixels; a `maskable` one fills its square, and what is drawn keeps to the middle."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Ellipse, FancyBboxPatch, Rectangle
    from matplotlib.transforms import Affine2D

    root = ElementTree.parse(svg).getroot()
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    figure = Figure((1, 1), dpi=pixels, facecolor="none")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    scale = SAFE if maskable else 1.0
    inner = Affine2D().translate(-width / 2, -height / 2).scale(scale).translate(width / 2, height / 2)
    point = 72 / width * scale
    for node in root:
        given = node.attrib
        match node.tag.removeprefix(SVG):
            case "rect" if maskable:
                axes.add_patch(Rectangle((0, 0), width, height, facecolor=given["fill"], linewidth=0))
            case "rect":
                wide, high, round_by = (float(given[name]) for name in ("width", "height", "rx"))
                shape = f"round,pad=0,rounding_size={round_by}"
                axes.add_patch(FancyBboxPatch((0, 0), wide, high, boxstyle=shape, facecolor=given["fill"], linewidth=0))
            case "ellipse":
                x, y, rx, ry = (float(given[name]) for name in ("cx", "cy", "rx", "ry"))
                drawn = Ellipse((x, y), 2 * rx, 2 * ry, facecolor=given["fill"], linewidth=0)
                axes.add_patch(drawn).set_transform(inner + axes.transData)
            case "path":
                for xs, ys in _lines(given["d"]):
                    thick = float(given["stroke-width"]) * point
                    (line,) = axes.plot(xs, ys, color=given["stroke"], linewidth=thick, solid_capstyle="butt")
                    line.set_transform(inner + axes.transData)
            case other:
                raise ValueError(f"icon.svg has <{other}>, which is not drawn here")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", transparent=True, metadata={"Software": None})
    return buffer.getvalue()


def _lines(path: str) -> Iterator[tuple[list[float], list[float]]]:
    """Lines of a path that goes only straight across or down: x and y of their ends."""
    for x, y, way, length in re.findall(r"M([\d.]+) ([\d.]+)([hv])([\d.]+)", path):
        across, down = (float(length), 0.0) if way == "h" else (0.0, float(length))
        yield [float(x), float(x) + across], [float(y), float(y) + down]
