"""The pack inside a real ComfyUI, over HTTP."""


def test_server_answers(server):
    assert len(server.object_info()) > 300
