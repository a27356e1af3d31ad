"""How long it takes, in the browser, from letting go of a point of a curve to the new video playing on its node.

The workflow is `live.json` in ComfyUI's "Run (On Change)", after runs that loaded the model and sampled the prior.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path

import psutil
from playwright.sync_api import sync_playwright

from ..comfyui.browser import Editor, launch
from ..comfyui.paths import WORKFLOWS
from ..comfyui.server import ComfyServer
from ..web.schedule import Curves

WARM_UPS = 3
RUN_ON_CHANGE = """() => {
    const { $pinia } = document.querySelector("#vue-app").__vue_app__.config.globalProperties;
    $pinia._s.get("queueSettingsStore").mode = "change";
}"""
WATCH = """() => {
    const times = (window.live = {});
    addEventListener("pointerup", () => Object.assign(times, { released: performance.now() }), true);
    const note = (event, name) => app.api.addEventListener(event, () => (times[name] = performance.now()));
    note("execution_start", "started");
    note("execution_success", "finished");
    for (const video of document.querySelectorAll("video.hp-media")) video.dataset.seen = true;
    new MutationObserver(() => {
        const video = document.querySelector("video.hp-media");
        if (!video || video.dataset.seen) return;
        video.dataset.seen = true;
        video.requestVideoFrameCallback(() => (times.shown = performance.now()));
    }).observe(document.body, { childList: true, subtree: true });
}"""
FORGET = "() => { for (const name in window.live) delete window.live[name]; }"
ALL = ("released", "started", "finished", "shown")
COMPLETE = f"() => {json.dumps(ALL)}.every(name => name in window.live)"


def live_workflow(lora: bool) -> dict:
    """The workflow; without its LoRA, mini's own steps and guidance."""
    workflow = json.loads((WORKFLOWS / "live.json").read_text())
    if not lora:
        for node in workflow["nodes"]:
            if node["type"] == "LoraLoaderModelOnly":
                node["mode"] = 4  # bypassed
            if node["type"] == "HiGenTemporalSampler":
                node["widgets_values"][2:7] = [0, -1.0, "model default", 1.0, 0.0]
    return workflow


def drags(editor: Editor, count: int) -> list[dict[str, float]]:
    """Seconds from letting go to the start and the end of the run and to the first frame of its video, of each drag.

    "cpu" is the CPU time that ComfyUI needs for it, which says what an idle machine could do.
    """
    comfyui = psutil.Process(editor.server.process.pid)
    (node,) = (n["id"] for n in editor.workflow()["nodes"] if n["type"] == "HiGenCueSchedule")
    curves, page = Curves(editor, node), editor.page
    rows = []
    for i in range(WARM_UPS + count):
        page.evaluate(FORGET)
        before = sum(comfyui.cpu_times()[:2])
        _, (x, height), _ = curves.points()
        curves.drag((x, height), (x, 0.3 + 0.5 * (i * 0.618 % 1)))  # never to the same height twice
        page.wait_for_function(COMPLETE, timeout=120_000)
        times = page.evaluate("() => window.live")
        rows.append({name: (times[name] - times["released"]) / 1000 for name in ALL[1:]})
        rows[-1]["cpu"] = sum(comfyui.cpu_times()[:2]) - before
        page.wait_for_timeout(300)
    return rows[WARM_UPS:]


def measure(count: int, lora: bool) -> dict[str, float]:
    """Medians over `count` drags, and the slowest; with ComfyUI's own options, so without previews of the steps."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ComfyServer(Path(folder), options=()) as server,
        sync_playwright() as web,
    ):
        browser = launch(web.chromium)
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.set_default_timeout(120_000)
        editor = Editor(page, server, "litegraph")
        editor.load(live_workflow(lora))
        editor.page.wait_for_selector("svg.hc-plot")
        editor.fit()
        record = editor.run()
        if record["status"]["status_str"] != "success":
            raise RuntimeError(f"the workflow failed: {record['status']}")
        editor.page.evaluate(WATCH)
        editor.page.evaluate(RUN_ON_CHANGE)
        rows = drags(editor, count)
        browser.close()
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return medians | {"slowest": max(row["shown"] for row in rows)}


def main(count: int = 20) -> None:
    print("| | the run starts | the run ends | the video plays | slowest | CPU time of ComfyUI |\n" + "|---" * 6 + "|")
    for name, lora in (("4 steps with the LoRA", True), ("12 guided steps without it", False)):
        row = measure(count, lora)
        cells = " | ".join(f"{row[key]:.2f} s" for key in ("started", "finished", "shown", "slowest", "cpu"))
        print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
