"""A forecast of consents as a picture: one SVG file, a panel of stacked bars for each stream.

The file stands alone (no scripts, fonts or pictures from elsewhere), follows the reader's light or dark setting, and
says everything in words, too, for those who do not see it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from xml.sax.saxutils import escape

from relay.cli.forecast_words import LABELS, Told
from relay.consent.forecast import Stretch
from relay.consent.freshness import Rule
from relay.policy.model import text_in

#: Fill on light and on dark ground; told apart with colour-blind eyes, too (after Okabe and Ito), and by their order.
_FILLS: Final[dict[Rule, tuple[str, str]]] = {
    Rule.STALE_AFTER: ("#0072b2", "#56b4e9"),
    Rule.RENEW_EVERY: ("#e69f00", "#f0b93a"),
    Rule.FIRST_MAIL_WITHIN: ("#009e73", "#2fc9a0"),
    Rule.CUSTOMER_WITHIN: ("#b8578c", "#e08fbd"),
    Rule.INQUIRY_WITHIN: ("#6a51a3", "#a995dd"),
    Rule.MIGRATION_UNTIL: ("#d55e00", "#ff8a3d"),
    Rule.CONFIRM_WITHIN: ("#7a7a7a", "#a8a8a8"),
}
_WIDTH: Final = 960
_LEFT: Final = 84
_RIGHT: Final = 24
_BARS: Final = 240
_HEAD: Final = 56
#: Of a panel: its title and what it counts, a line of the legend, the room above the highest bar, the days below.
_TITLE: Final = 56
_LINE: Final = 22
_ABOVE: Final = 34
_BELOW: Final = 68
_MARGIN: Final = 24
_WIDEST_BAR: Final = 72
_TICKS: Final = 5
#: Octets of text need room: roughly so wide is a character of 12 pixels.
_CHARACTER: Final = 6.8


@dataclass(frozen=True, slots=True)
class _Scale:
    """The height of one, and where the lines of the axis stand."""

    top: int
    ticks: tuple[int, ...]

    def height(self, count: int) -> float:
        return count / self.top * _BARS


@dataclass(frozen=True, slots=True)
class _Panel:
    height: int
    lines: list[str]


def chart(told: Sequence[Told]) -> str:
    """An SVG document. told: at least one."""
    panels = [_panel(one) for one in told]
    height = _HEAD + sum(panel.height for panel in panels)
    first = told[0]
    title = f"Consents and open questions that run out, {_day(first.forecast.today)} to {_day(first.last_day)} (UTC)"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"',
        'role="img" aria-labelledby="title description" lang="en">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="description">{escape(" ".join(_in_words(told)))}</desc>',
        f"<style>{_style()}</style>",
        f'<rect class="ground" width="{_WIDTH}" height="{height}"/>',
        f'<text class="head" x="{_MARGIN}" y="38">{escape(title)}</text>',
    ]
    y = _HEAD
    for panel in panels:
        lines += [f'<g transform="translate(0 {y})">', *panel.lines, "</g>"]
        y += panel.height
    return "\n".join([*lines, "</svg>", ""])


def _style() -> str:
    light = "".join(f".{LABELS[rule]}{{fill:{fills[0]}}}" for rule, fills in _FILLS.items())
    dark = "".join(f".{LABELS[rule]}{{fill:{fills[1]}}}" for rule, fills in _FILLS.items())
    return (
        "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;fill:#1c1c1c}"
        ".head{font-size:20px;font-weight:600}.name{font-size:16px;font-weight:600}.quiet{fill:#555}"
        ".alarm{fill:#a80000;font-weight:600}.ground{fill:#fff}.line{stroke:#ddd}.axis{stroke:#767676}"
        ".bar{stroke:#fff;stroke-width:1}"
        f"{light}"
        "@media (prefers-color-scheme:dark){"
        "text{fill:#eee}.quiet{fill:#b5b5b5}.alarm{fill:#ff9a9a}.ground{fill:#16181b}.line{stroke:#34373c}"
        f".axis{{stroke:#8d8d8d}}.bar{{stroke:#16181b}}{dark}}}"
    )


def _panel(told: Told) -> _Panel:
    stream, forecast = told.stream, told.forecast
    purpose = text_in(stream.purpose, "en")
    lines = [
        f'<text class="name" x="{_MARGIN}" y="24">{escape(stream.id)}{escape(f": {purpose}") if purpose else ""}</text>',
        f'<text class="quiet" x="{_MARGIN}" y="46">{escape(_counted(told))}</text>',
    ]
    y = _TITLE
    if forecast.late:
        lines.append(f'<text class="alarm" x="{_MARGIN}" y="{y + 10}">{escape(_late(told))}</text>')
        y += _LINE
    if not told.rules:
        return _Panel(y + _LINE, lines)
    legend, rows = _legend(told, y)
    lines += legend
    y += rows * _LINE + _ABOVE
    scale = _scale(max(one.total for one in told.stretches))
    lines += [f'<g transform="translate({_LEFT} {y})">', *_axis(scale), *_bars(told, scale), "</g>"]
    return _Panel(y + _BARS + _BELOW, lines)


def _counted(told: Told) -> str:
    forecast = told.forecast
    unanswered = forecast.total(Rule.CONFIRM_WITHIN)
    if not told.rules:
        return f"{forecast.counting:,} get mail today; nothing runs out"
    return (
        f"{forecast.counting:,} get mail today; {told.total() - unanswered:,} of them no more by then if nobody does "
        f"anything; {unanswered:,} questions end unanswered; ask {forecast.ask_now.total():,} now"
    )


def _late(told: Told) -> str:
    return f"{told.forecast.late:,} asked for this mail and were not sent the mail that asks for the click in time"


def _legend(told: Told, y: int) -> tuple[list[str], int]:
    """Its lines, and in how many rows they stand."""
    lines: list[str] = []
    x, row = float(_MARGIN), 0
    for rule in told.rules:
        words = f"{LABELS[rule]} {told.forecast.total(rule):,}"
        room = 18 + len(words) * _CHARACTER + 18
        if x + room > _WIDTH - _MARGIN:
            x, row = float(_MARGIN), row + 1
        top = y + row * _LINE
        lines.append(f'<rect class="{LABELS[rule]}" x="{x:.1f}" y="{top}" width="12" height="12" rx="2"/>')
        lines.append(f'<text x="{x + 18:.1f}" y="{top + 10}">{escape(words)}</text>')
        x += room
    return lines, row + 1


def _axis(scale: _Scale) -> Iterator[str]:
    width = _WIDTH - _LEFT - _RIGHT
    for tick in scale.ticks:
        y = _BARS - scale.height(tick)
        kind = "line" if tick else "axis"
        yield f'<line class="{kind}" x1="0" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="quiet" x="-10" y="{y + 4:.1f}" text-anchor="end">{tick:,}</text>'
    yield (
        f'<text class="quiet" transform="translate(-64 {_BARS / 2:.0f}) rotate(-90)" text-anchor="middle">people</text>'
    )


def _bars(told: Told, scale: _Scale) -> Iterator[str]:
    """A stack for each stretch, the first rule lowest, as the legend reads."""
    found = told.stretches
    step = (_WIDTH - _LEFT - _RIGHT) / len(found)
    width = min(step * 0.72, _WIDEST_BAR)
    labelled = _every(len(found), step)
    for number, one in enumerate(found):
        x, y = step * number + (step - width) / 2, float(_BARS)
        for rule in told.rules:
            count = one.counts[rule]
            if not count:
                continue
            height = scale.height(count)
            y -= height
            yield (
                f'<rect class="bar {LABELS[rule]}" x="{x:.1f}" y="{y:.2f}" width="{width:.1f}" height="{height:.2f}">'
                f"<title>{_span(one)}: {count:,} {LABELS[rule]}</title></rect>"
            )
        middle = x + width / 2
        if one.total:
            yield f'<text x="{middle:.1f}" y="{y - 6:.1f}" text-anchor="middle">{_short(one.total, step)}</text>'
        if number % labelled == 0:
            yield (
                f'<text class="quiet" x="{middle:.1f}" y="{_BARS + 20}" text-anchor="middle">'
                f"{_day(one.first, year=False)}</text>"
            )
    length = (found[0].last - found[0].first).days + 1
    words = "day" if length == 1 else "week beginning" if length == 7 else f"{length} days beginning"
    yield f'<text class="quiet" x="{(_WIDTH - _LEFT - _RIGHT) / 2:.0f}" y="{_BARS + 42}" text-anchor="middle">{words}</text>'


def _scale(highest: int) -> _Scale:
    """Up to a round number at or above `highest`, in steps of 1, 2 or 5 times a power of ten."""
    rough = max(highest, 1) / _TICKS
    power = 10 ** max(math.floor(math.log10(rough)), 0)
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough)
    top = math.ceil(max(highest, 1) / step) * step
    return _Scale(top, tuple(range(0, top + 1, step)))


def _every(count: int, step: float) -> int:
    """Every which stretch has its day below it, so that they do not run into each other."""
    return next((every for every in range(1, count) if step * every >= 7 * _CHARACTER), count)


def _short(count: int, room: float) -> str:
    """The number, in thousands or millions where it is too wide."""
    whole = f"{count:,}"
    if len(whole) * _CHARACTER <= room:
        return whole
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.1f}{letter}" if count < 10 * size else f"{count // size}{letter}"
    return whole


def _in_words(told: Sequence[Told]) -> Iterator[str]:
    """The whole picture: what is counted, then every bar."""
    for one in told:
        yield f"{one.stream.id}: {_counted(one)}."
        if one.forecast.late:
            yield f"{_late(one)}."
        for stretch in one.stretches:
            counts = ", ".join(f"{stretch.counts[rule]:,} {LABELS[rule]}" for rule in one.rules if stretch.counts[rule])
            if counts:
                yield f"{_span(stretch)}: {counts}."


def _span(stretch: Stretch) -> str:
    if stretch.first == stretch.last:
        return _day(stretch.first)
    return f"{_day(stretch.first)} to {_day(stretch.last)}"


def _day(day: date, *, year: bool = True) -> str:
    return f"{day.day} {day:%b %Y}" if year else f"{day.day} {day:%b}"
