"""`python -m tests.web.help.live_recording` records the README's first image: the workflow *live* while it is used.

Points of the motion curve are dragged, and each new video plays on its node. It is recorded in slow motion, as taking
the images takes time. Of the time from letting go to the new video, WAIT seconds are kept: that is how long it takes
where nothing else runs (tests/benchmarks/README.md).
"""

import base64
import bisect
import io
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from ...benchmarks.live import COMPLETE, FORGET, RUN_ON_CHANGE, WATCH, live_workflow
from ...comfyui.browser import Editor, launch
from ...comfyui.paths import ROOT, WORKFLOWS
from ...comfyui.server import ComfyServer
from ..schedule import Curves
from .workflow_screenshots import BOTTOM, LEFT, RIGHT, SHOW, TITLE, TOP

FILE = WORKFLOWS / "live.webp"
FPS = 12
SLOW = 4
"""How many times slower than it is played."""
WAIT = 1.0
SCALE = 0.78  # pixels of the page per unit of the graph
MARGIN = 10  # pixels
SHOWN = ("HiGenCueSchedule", "HiGenTemporalSampler", "VAEDecode", "HiGenVideoCombine")
MAX_SIZE = 2_500_000  # bytes
DRAGS = ((0.1,), (0.85, 0.6))
"""Heights that the middle point is dragged to: one after the other in each drag, then the mouse lets go."""

BOUNDS = """types => {
    const nodes = app.graph._nodes.filter(node => types.includes(node.comfyClass) && node.pos[0] > 800);
    const ends = nodes.map(({ pos: [x, y], size: [width, height] }) => [x, y, x + width, y + height]);
    return [0, 1, 2, 3].map(i => Math[i < 2 ? "min" : "max"](...ends.map(end => end[i])));
}"""
SLOWER = """rate => {
    const slow = video => Object.assign(video, { defaultPlaybackRate: rate, playbackRate: rate });
    document.querySelectorAll("video").forEach(slow);
    document.addEventListener("play", ({ target }) => slow(target), true);
}"""
MOMENTS = "() => [live.released, live.shown].map(time => (performance.timeOrigin + time) / 1000)"
CURSOR = """() => {
    const cursor = document.createElement("div");
    cursor.style = "position: fixed; z-index: 99999; pointer-events: none; width: 22px; height: 22px";
    const shape = "M1 1v17l4.5-4 3 7 3-1.3-3-6.7h6z";
    cursor.innerHTML = `<svg viewBox="0 0 22 22"><path d="${shape}" fill="#fff" stroke="#000"/></svg>`;
    document.body.append(cursor);
    const follow = ({ clientX, clientY }) => Object.assign(cursor.style, { left: `${clientX}px`, top: `${clientY}px` });
    for (const event of ["pointermove", "pointerdown"]) addEventListener(event, follow, true);
}"""


class Screencast:
    """The images of a page, each with the time at which it was shown, in seconds."""

    def __init__(self, page: Page):
        self.session = page.context.new_cdp_session(page)
        self.times: list[float] = []
        self.images: list[bytes] = []
        self.session.on("Page.screencastFrame", self.add)
        self.session.send("Page.startScreencast", {"format": "jpeg", "quality": 95})

    def add(self, event: dict) -> None:
        self.times.append(event["metadata"]["timestamp"])
        self.images.append(base64.b64decode(event["data"]))
        self.session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    def stop(self) -> None:
        self.session.send("Page.stopScreencast")

    def frames(self, fps: float, box: tuple[int, int, int, int], waits: list[tuple[float, float]]) -> list[Image.Image]:
        """The images at a constant rate of the slow recording, cropped to left, top, right and bottom.

        Of each of the waits, begin and end in seconds, SLOW * WAIT seconds are kept.
        """
        moments, moment = [], self.times[0]
        while moment < self.times[-1]:
            moments.append(moment)
            moment = next((end for begin, end in waits if begin + SLOW * WAIT <= moment < end), moment + 1 / fps)
        shown = [bisect.bisect_right(self.times, moment) - 1 for moment in moments]
        opened = {i: Image.open(io.BytesIO(self.images[i])).convert("RGB").crop(box) for i in set(shown)}
        return [opened[i] for i in shown]


def move(page: Page, start: tuple[float, float], end: tuple[float, float], seconds: float) -> None:
    """Moves the mouse as a hand does, slowly at both ends; `seconds` of the film."""
    seconds *= SLOW
    begin = time.monotonic()
    while (u := (time.monotonic() - begin) / seconds) < 1:
        eased = u * u * (3 - 2 * u)
        page.mouse.move(*(a + eased * (b - a) for a, b in zip(start, end, strict=True)))
        page.wait_for_timeout(1000 / FPS)
    page.mouse.move(*end)


def use(editor: Editor, curves: Curves) -> list[tuple[float, float]]:
    """Drags the middle point of the curve, and waits for the new video and until it has played, for each of DRAGS.

    Returns when the mouse let go and when the video came, in seconds, of each.
    """
    waits = []
    page, mouse = editor.page, curves.place(0.75, 0.75)
    page.mouse.move(*mouse)
    page.wait_for_timeout(800 * SLOW)
    for heights in DRAGS:
        x, height = curves.points()[1]
        page.evaluate(FORGET)
        point = curves.place(x, height)
        move(page, mouse, point, 0.4)
        page.mouse.down()
        for height in heights:
            mouse = curves.place(x, height)
            move(page, point, mouse, 0.7)
            point = mouse
        page.mouse.up()
        page.wait_for_function(COMPLETE, timeout=300_000)
        begin, end = page.evaluate(MOMENTS)
        print(f"{end - begin:.2f} s from letting go to the new video", flush=True)
        waits.append((begin, end))
        page.wait_for_timeout(2000 * SLOW)
    return waits


def show(page: Page) -> tuple[int, int, int, int]:
    """Shows the nodes of SHOWN; returns their left, top, right and bottom in pixels of the page."""
    x, y, right, bottom = page.evaluate(BOUNDS, SHOWN)
    y -= TITLE
    width, height = round(SCALE * (right - x)) + 2 * MARGIN, round(SCALE * (bottom - y)) + 2 * MARGIN
    page.set_viewport_size({"width": LEFT + width + RIGHT, "height": TOP + height + BOTTOM})
    page.wait_for_timeout(1500)  # the canvas is resized
    page.evaluate(SHOW, [x, y, SCALE, LEFT + MARGIN, TOP + MARGIN])
    page.wait_for_timeout(1500)
    return LEFT, TOP, LEFT + width, TOP + height


def save(frames: list[Image.Image], path: Path) -> None:
    """An animated WebP of at most MAX_SIZE bytes, with the highest quality."""
    for quality in range(80, 20, -15):
        options = {"save_all": True, "append_images": frames[1:], "duration": round(1000 / FPS), "loop": 0}
        frames[0].save(path, quality=quality, method=4, **options)
        if path.stat().st_size <= MAX_SIZE:
            return
    raise ValueError(f"{len(frames)} frames do not fit into {MAX_SIZE} bytes")


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        ComfyServer(Path(folder), options=()) as server,
        sync_playwright() as playwright,
    ):
        server.post("/settings", json={"Comfy.NodeBadge.NodeSourceBadgeMode": "None"}).raise_for_status()
        page = launch(playwright.chromium).new_page(viewport={"width": 1300, "height": 1000})
        page.set_default_timeout(120_000)
        editor = Editor(page, server, "litegraph")
        editor.load(live_workflow(lora=True))
        record = editor.run(seconds=600)
        assert record["status"]["status_str"] == "success", record["status"]
        box = show(page)
        page.evaluate(WATCH)
        page.evaluate(RUN_ON_CHANGE)
        page.evaluate(CURSOR)
        page.evaluate(SLOWER, 1 / SLOW)
        (node,) = (n["id"] for n in editor.workflow()["nodes"] if n["type"] == "HiGenCueSchedule")
        curves = Curves(editor, node)
        curves.drag((0.5, 0.6), (0.5, 0.66))  # what the first run in this mode prepares
        page.wait_for_function(COMPLETE, timeout=300_000)
        page.wait_for_timeout(1000)
        cast = Screencast(page)
        waits = use(editor, curves)
        cast.stop()
        frames = cast.frames(FPS / SLOW, box, waits)
    save(frames, FILE)
    print(f"{FILE.relative_to(ROOT)}: {len(frames)} frames of {frames[0].size}, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
