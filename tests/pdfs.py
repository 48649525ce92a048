"""PDFs of any layout, written by hand: lines of type, pictures, and Chinese characters."""

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

WIDTH, HEIGHT = 612, 792
_FONTS = {
    "roman": "Times-Roman",
    "bold": "Times-Bold",
    "italic": "Times-Italic",
    "bold italic": "Times-BoldItalic",
    "sans": "Helvetica",
}
_PER_LETTER = 0.44  # of Times, in its size, on average


class Text(NamedTuple):
    """A line of type, from the page's lower left corner."""

    x: float
    y: float
    size: float
    font: str
    text: str


class Picture(NamedTuple):
    """A picture over the whole page."""


Sheet = list[Text | Picture]


def block(
    text: str, x: float, y: float, width: float, size: float = 10, font: str = "roman"
) -> list[Text]:
    """A paragraph broken into lines, the first one's foot at ``y``."""
    lines = textwrap.wrap(text, int(width / (_PER_LETTER * size)))
    return [Text(x, y - 1.2 * size * row, size, font, line) for row, line in enumerate(lines)]


def centred(text: str, y: float, size: float, font: str = "roman") -> list[Text]:
    """Lines about the middle of the page."""
    return [
        Text((WIDTH - _PER_LETTER * size * len(line)) / 2, y - 1.25 * size * row, size, font, line)
        for row, line in enumerate(text.split("\n"))
    ]


def write(path: Path, sheets: Sequence[Iterable[Text | Picture]], title: str = "") -> Path:
    """A PDF of such pages."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", ""]
    fonts = {}
    for name, base in _FONTS.items():
        objects.append(f"<</Type/Font/Subtype/Type1/BaseFont/{base}/Encoding/WinAnsiEncoding>>")
        fonts[name] = len(objects)
    objects.append(
        "<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo"
        "<</Registry(Adobe)/Ordering(GB1)/Supplement 4>>/DW 1000>>"
    )
    objects.append(
        "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light-UniGB-UCS2-H/Encoding/UniGB-UCS2-H"
        f"/DescendantFonts[{len(objects)} 0 R]>>"
    )
    fonts["song"] = len(objects)
    grey = "<</Type/XObject/Subtype/Image/Width 2/Height 2/ColorSpace/DeviceGray/BitsPerComponent 8"
    objects.append(f"{grey}/Length 4>>stream\n@@@@\nendstream")
    picture = len(objects)
    used = " ".join(f"/{name.replace(' ', '')} {number} 0 R" for name, number in fonts.items())
    pages = []
    for sheet in sheets:
        drawn = "\n".join(map(_drawn, sheet))
        objects.append(f"<</Length {len(drawn.encode('cp1252'))}>>stream\n{drawn}\nendstream")
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {WIDTH} {HEIGHT}]/Contents {len(objects)} 0 R"
            f"/Resources<</Font<<{used}>>/XObject<</P {picture} 0 R>>>>>>"
        )
        pages.append(f"{len(objects)} 0 R")
    objects[1] = f"<</Type/Pages/Kids[{' '.join(pages)}]/Count {len(pages)}>>"
    objects.append(f"<</Title<{('﻿' + title).encode('utf-16-be').hex()}>>>")
    body, places = "%PDF-1.7\n", []
    for number, said in enumerate(objects, 1):
        places.append(len(body.encode("cp1252")))
        body += f"{number} 0 obj\n{said}\nendobj\n"
    start = len(body.encode("cp1252"))
    body += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n"
    body += "".join(f"{place:010} 00000 n \n" for place in places)
    body += f"trailer<</Size {len(objects) + 1}/Root 1 0 R/Info {len(objects)} 0 R>>\n"
    path.write_bytes(f"{body}startxref\n{start}\n%%EOF\n".encode("cp1252"))
    return path


def _drawn(item: Text | Picture) -> str:
    if isinstance(item, Picture):
        return f"q {WIDTH} 0 0 {HEIGHT} 0 0 cm /P Do Q"
    if item.font == "song":
        shown = f"<{item.text.encode('utf-16-be').hex()}>"
    else:
        escaped = item.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        shown = f"({escaped})"
    font = item.font.replace(" ", "")
    return f"BT /{font} {item.size} Tf {item.x:.1f} {item.y:.1f} Td {shown} Tj ET"
