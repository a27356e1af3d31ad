"""Every workflow that the pack ships runs as it is, over HTTP."""

from .demo import saved_files
from .workflow import load_prompt


def test_a_workflow_runs_and_shows_what_it_made(server, workflow_file):
    run = server.run(*load_prompt(workflow_file, server.object_info()))
    assert run.ending == "success", run.error
    files = [server.output_path(entry) for entry in saved_files(run.outputs)]
    assert files
    assert [path for path in files if not path.stat().st_size] == []
