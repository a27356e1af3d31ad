"""`make comfyui`: runs ComfyUI with this pack until Ctrl-C."""

import argparse
import contextlib
import time

from .paths import BASE
from .server import ComfyServer, stop_on_sigterm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8188, help="0 picks a free one (default: %(default)s)")
    port = parser.parse_args().port

    stop_on_sigterm()
    print("Starting ComfyUI …", flush=True)
    with ComfyServer(BASE, port) as server, contextlib.suppress(KeyboardInterrupt):
        print(
            f"Files:    {server.base}\nLog:      {server.log_path}\nAddress:  {server.url}   (Ctrl-C stops it)",
            flush=True,
        )
        while True:
            time.sleep(1)
            server.check_alive()


if __name__ == "__main__":
    main()
