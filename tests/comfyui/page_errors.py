"""Errors that a page of the graph editor reports, judged by the files that they come from."""

from collections.abc import Iterator

from playwright.sync_api import Page

from .server import PACK_FOLDER


class PackErrors:
    """Console errors and uncaught exceptions of a page that this pack causes, each with the files of its call stack.

    The stock page reports errors of its own, other ones in each version: while it starts, in its settings, on a server
    without internet. An error is this pack's if a file of the pack is in its call stack or its text, and also if it
    comes from no file at all.
    """

    def __init__(self, page: Page):
        self.texts: list[str] = []
        session = page.context.new_cdp_session(page)
        session.on("Runtime.consoleAPICalled", self.note_console)
        session.on("Runtime.exceptionThrown", self.note_exception)
        session.on("Log.entryAdded", self.note_log)
        for domain in ("Runtime", "Log"):
            session.send(f"{domain}.enable")

    def note_console(self, event: dict) -> None:
        if event["type"] in ("error", "assert"):
            parts = (str(value.get("value", value.get("description", ""))) for value in event["args"])
            self.note(" ".join(parts), event)

    def note_exception(self, event: dict) -> None:
        details = event["exceptionDetails"]
        self.note(details.get("exception", {}).get("description") or details["text"], details)

    def note_log(self, event: dict) -> None:
        """What the browser itself reports, such as a file that does not load."""
        if event["entry"]["level"] == "error":
            self.note(event["entry"]["text"], event["entry"])

    def note(self, text: str, event: dict) -> None:
        files = list(files_of(event))
        whole = "\n    ".join([text, *files])
        if not files or PACK_FOLDER in whole:
            self.texts.append(whole)


def files_of(event: dict) -> Iterator[str]:
    """The file of an event, and the files of its call stack with line and column."""
    if event.get("url"):
        yield event["url"]
    for frame in event.get("stackTrace", {}).get("callFrames", []):
        if frame["url"]:
            yield f"{frame['url']}:{frame['lineNumber'] + 1}:{frame['columnNumber'] + 1}"
