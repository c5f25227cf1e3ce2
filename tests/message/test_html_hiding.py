from __future__ import annotations

import time

import pytest

from relay.message.html_hiding import Effect, effect_of


def hides(attributes: bytes) -> bool:
    return effect_of(attributes) in (Effect.HIDES, Effect.SMALL)


@pytest.mark.parametrize(
    "style",
    [
        "display:none", "DISPLAY : NONE !important", "visibility:hidden", "visibility:collapse", "mso-hide:all",
        "opacity:0", "opacity:.0", "opacity:0.01", "opacity:0%", "filter:opacity(0)", "filter:alpha(opacity=0)", "zoom:0",
        "transform:scale(0)", "transform:translateX(-9999px)", "max-height:0", "max-height:0 !important", "max-width:0px",
        "height:0;overflow:hidden", "overflow:hidden;width:0px", "clip:rect(0,0,0,0)", "clip-path:inset(100%)",
        "position:absolute;left:-9999px", "position:fixed;top:-500px", "margin-left:-9999px", "margin:0 0 0 -9999px",
        "text-indent:-9999px", "font-size:0", "font-size:0px", "font-size:1px", "font-size:.1px", "font-size:0.01em",
        "font:0/0 a", "font:bold 1px/1 Arial", "color:transparent", "color:#fff;background:#ffffff",
        "background-color:white;padding:0;color:#FFF",
    ],
)  # fmt: skip
def test_styles_that_leave_nothing_to_see_hide(style: str) -> None:
    assert hides(f' class="x" style="{style}"'.encode())
    assert hides(f" style='{style};padding:0'".encode())


@pytest.mark.parametrize(
    "style",
    [
        "display:block", "visibility:visible", "opacity:0.9", "opacity:1", "zoom:1", "transform:scale(0.5)", "max-height:none",
        "max-width:600px", "max-width:0.5em", "height:0", "overflow:hidden;height:100px", "line-height:0;overflow:hidden",
        "min-width:0;overflow:hidden", "clip-path:none", "margin-top:-10px", "left:-5px", "text-indent:-20px", "font-size:13px",
        "font-size:0.8em", "font-size:1em", "font-size:1.5rem", "font-size:2em", "font-size:10px", "font:13px/1.6 sans-serif",
        "font:italic 100 12px/20px Georgia", "font:0.9em/0 Arial", "color:#fff;background:#000", "color:#333;background-color:#fff",
        "border-color:#fff;background:#fff", "color:#fff;background:#fff url(dark.png)", "background:#fff",
    ],
)  # fmt: skip
def test_styles_of_usual_newsletters_do_not_hide(style: str) -> None:
    assert not hides(f' class="x" style="{style}"'.encode())


@pytest.mark.parametrize(
    "attributes",
    [
        b' style="&#100;isplay:none"', b' style="display&colon;none"', rb' style="displ\61y:none"', rb' style="d\isplay:none"',
        b' style="display/**/:none"', b' style="display:/* x */none"', b' title="/*" style="display/**/:none"',
        b' style=" /*/x*/display:none"',
    ],
)  # fmt: skip
def test_a_style_in_disguise_hides_as_well(attributes: bytes) -> None:
    assert hides(attributes)


@pytest.mark.parametrize(
    ("attributes", "hidden"),
    [
        (b" hidden", True),
        (b' id="x"hidden', True),
        (b"/hidden", True),
        (b" HIDDEN=until-found", True),
        (b" popover", True),
        (b" style=max-height:0", True),
        (b' class="hidden md:block"', False),
        (b' title=" hidden " data-x="display:none"', False),
        (b' style="color:red" style="display:none"', False),
        (b' data-hidden="1"', False),
        (b' aria-hidden="true"', False),
        (b' style="overflow:hidden"', False),
    ],
)
def test_an_attribute_hides_by_its_name_alone(attributes: bytes, *, hidden: bool) -> None:
    assert hides(attributes) is hidden


@pytest.mark.parametrize(
    "piece", [b"display ", b"/*", b"\\", b"\\61", b"&amp", b"&#", b"font:", b"margin:", b"opacity:0", b"hidden=", b"translate(", b"0", b" "]
)  # fmt: skip
def test_a_million_of_anything_takes_no_time(piece: bytes) -> None:
    started = time.process_time()
    effect_of(b' style="' + piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("style", "effect"),
    [
        ("font-size:0px;padding:0", Effect.SMALL),
        ("font-size:0;display:none", Effect.HIDES),
        ("font-size:13px", Effect.READABLE),
        ("font:bold 14px/1.5 Arial", Effect.READABLE),
        ("font-size:1.2rem", Effect.READABLE),
        ("font-size:medium", Effect.READABLE),
        ("font-size:1.2em", Effect.NONE),
        ("font-size:120%", Effect.NONE),
        ("font-weight:700", Effect.NONE),
        ("line-height:20px", Effect.NONE),
    ],
)
def test_a_size_that_does_not_depend_on_the_text_around_it_can_be_read_again(style: str, effect: Effect) -> None:
    assert effect_of(f' style="{style}"'.encode()) is effect
