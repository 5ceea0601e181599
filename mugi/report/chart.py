"""The chart of verdicts by section, as SVG: counts stand in the bars, so colour is never needed."""

from html import escape

import pandas as pd

NAME = "verdicts.svg"
# background of a verdict, dark text on it at least 4.5:1
COLOURS = {
    "holds": "#b7e1bd",
    "grows": "#bcdcf5",
    "shrinks": "#f7e08a",
    "depends": "#f9c48d",
    "reverses": "#f3a6a0",
    "not a result": "#dcdcdc",
    "no verdict": "#eeeeee",
    "not in this run": "#ffffff",
    "error": "#e8c9f0",
}
LINE, LEFT, WIDTH = 26, 190, 720


def described(counts: pd.DataFrame) -> str:
    """Return the chart in words, for those who do not see it."""
    rows = [
        f"{section}: {', '.join(f'{count} {name}' for name, count in row.items() if count)}"
        for section, row in counts.iterrows()
    ]
    return f"Conclusions by section and verdict. {'; '.join(rows)}."


def drawn(counts: pd.DataFrame) -> str:
    """Return bars of counts (section × verdict), a bar a section and one of them all."""
    table = pd.concat([counts.sum().to_frame("all").T, counts])
    unit = (WIDTH - LEFT) / max(table.sum(axis=1).max(), 1)
    parts, top = [], 0
    for section, row in table.iterrows():
        size = unit if section == "all" else min(unit * 2.5, (WIDTH - LEFT) / row.sum())
        parts.append(_text(LEFT - 8, top + 17, section, "end"))
        left = LEFT
        for name, count in row.items():
            if count:
                label = f"{count} {name}" if count * size > 7.5 * len(name) + 20 else f"{count}"
                parts.append(_bar(left, top, count * size, name, label))
                left += count * size
        top += LINE + (10 if section == "all" else 4)
    legend, left = [], LEFT
    for name in counts:
        if left + 30 + 7 * len(name) > WIDTH:
            left, top = LEFT, top + 22
        legend.append(_bar(left, top + 8, 16, name, "", 16))
        legend.append(_text(left + 21, top + 21, name, "start"))
        left += 34 + 7.5 * len(name)
    height = top + 34
    body = "\n".join([*parts, *legend])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 4} {height:g}" '
        f'width="{WIDTH + 4}" height="{height:g}" '
        f'font-family="system-ui, sans-serif" font-size="13" role="img">'
        f"<title>{escape(described(counts))}</title>\n"
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _bar(left: float, top: float, width: float, name: str, label: str, height: int = LINE) -> str:
    box = (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height}" '
        f'fill="{COLOURS[name]}" stroke="#333333"/>'
    )
    return box + (_text(left + width / 2, top + 17, label, "middle") if label else "")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#1a1a1a">{escape(text)}</text>'
    )
