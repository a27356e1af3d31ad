"""Which errors of the page count as this pack's: those of its files, whatever the stock page reports."""

import pytest

from ...comfyui.server import PACK_FOLDER
from ..renderers import MOSTLY_CLASSIC

pytestmark = MOSTLY_CLASSIC

PACK, STOCK = f"/extensions/{PACK_FOLDER}/made_up.js", "/assets/made_up.js"
FILE = """
export const print = (value) => console.error("printed", value);
export const call = (callback) => callback();
export const fail = () => { throw new Error("thrown"); };
export const failLater = () => { setTimeout(fail); };
export const reject = () => { Promise.reject(new Error("rejected")); };
export const caught = () => { try { fail(); } catch (error) { return error; } };
"""
RUN = "async ([pack, stock, code]) => eval(code)(await import(pack), await import(stock))"
OURS = [
    "pack => pack.print()",
    "pack => pack.failLater()",
    "pack => pack.reject()",
    "(pack, stock) => stock.print(pack.caught())",
    "(pack, stock) => pack.call(() => stock.print())",
    "() => console.error('of the test')",
    f"() => {{ document.createElement('img').src = '{PACK}/missing.png'; }}",
]
OF_THE_STOCK_PAGE = [
    "(pack, stock) => stock.print()",
    "(pack, stock) => stock.failLater()",
    "(pack, stock) => stock.reject()",
    "(pack, stock) => stock.print(stock.caught())",
    "() => { document.createElement('img').src = '/assets/missing.png'; }",
]


@pytest.fixture
def errors_of(editor):
    """A function that runs JavaScript with the exports of a pack file and a stock file, and returns the errors."""
    for path in (PACK, STOCK):
        editor.page.route(f"**{path}", lambda route: route.fulfill(body=FILE, content_type="text/javascript"))

    def run(code: str) -> list[str]:
        editor.page.evaluate(RUN, [PACK, STOCK, code])
        editor.page.wait_for_timeout(500)
        return list(editor.errors)

    yield run
    editor.page.unroute_all()
    editor.errors.clear()


@pytest.mark.parametrize("code", OURS)
def test_an_error_of_the_pack_counts(errors_of, code):
    assert len(errors_of(code)) == 1


@pytest.mark.parametrize("code", OF_THE_STOCK_PAGE)
def test_an_error_of_the_stock_page_does_not_count(errors_of, code):
    assert errors_of(code) == []
