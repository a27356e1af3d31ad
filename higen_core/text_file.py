"""Text files of users: UTF-8 with or without a byte order mark, as Windows' programs write it, UTF-16 and UTF-32."""

from __future__ import annotations

import codecs
from pathlib import Path

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path) -> str:
    """The text in a file; see `decode_text`."""
    return decode_text(path.read_bytes(), str(path))


def decode_text(content: bytes, name: str) -> str:
    """The text of a file, in the encoding that its byte order mark tells, without one in UTF-8.

    Raises:
        ValueError: it is in another encoding; the message begins with `name`.
    """
    encoding = next((encoding for mark, encoding in MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} cannot be decoded as {encoding.upper()}"
        raise ValueError(f"{name} is not text in UTF-8, {reason}: save it again as UTF-8") from None
