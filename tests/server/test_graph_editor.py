"""The pack in the graph editor, in a real browser, with both renderers."""

import pytest

from ..comfyui.demo import saved_files
from ..comfyui.workflow import only

PLAYING_VIDEO = """() => {
    const videos = [...document.querySelectorAll("video")];
    return videos.some(v => v.videoWidth > 0 && !v.paused && !v.error && v.currentTime > 0);
}"""

# ComfyUI answers a prompt that it has run before with the files of then, without a workflow if the API sent none.
SAVE_ANEW = """() => {
  const node = app.graph._nodes.find((node) => node.type === "HiGenVideoCombine");
  node.widgets.find((widget) => widget.name === "filename_prefix").value = "restored/video";
}"""


def nodes_and_links(workflow):
    """Types and values of the nodes by id, and the links; without layout."""
    nodes = {node["id"]: (node["type"], node.get("widgets_values", [])) for node in workflow["nodes"]}
    return nodes, {tuple(link[1:5]) for link in workflow["links"]}


def test_a_queued_run_finishes_and_its_video_plays_on_the_node_and_restores_the_graph(editor, server, text_to_video):
    _, workflow = text_to_video
    editor.load(workflow)
    editor.page.evaluate(SAVE_ANEW)
    editor.fit()
    record = editor.run()
    assert record["status"]["status_str"] == "success", record["status"]
    editor.page.wait_for_function(PLAYING_VIDEO, timeout=15_000)
    editor.screenshot("finished-text_to_video")

    (saved,) = (entry for entry in saved_files(record["outputs"]) if entry["filename"].endswith(".mp4"))
    before = nodes_and_links(editor.workflow())
    editor.page.evaluate("() => app.graph.clear()")
    assert editor.workflow()["nodes"] == []
    editor.drop(server.output_path(saved))
    editor.page.wait_for_function("count => app.graph._nodes.length === count", arg=len(before[0]))
    assert nodes_and_links(editor.workflow()) == before
    assert editor.errors == []


def test_an_invalid_value_marks_its_node(editor, text_to_video):
    prompt, workflow = text_to_video
    key = only(prompt, "HiGenCueSchedule")
    editor.load(workflow)
    editor.page.evaluate(
        "id => { app.graph.getNodeById(id).widgets.find(w => w.name === 'frames').value = 100000; }", int(key)
    )
    with pytest.raises(ValueError, match="frames"):
        editor.run()
    assert editor.page.evaluate("id => app.lastNodeErrors?.[id]?.errors.length > 0", key)
