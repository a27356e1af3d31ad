"""Tables in Markdown."""


def table(*rows: tuple) -> None:
    """Prints rows of a Markdown table."""
    for cells in rows:
        print("|", " | ".join(map(str, cells)), "|", flush=True)
