"""What a visitor of the page does, and what there is to see."""

CARDS = """
[...document.querySelectorAll('.card')].map(card => ({
  label: card.querySelector('h2').textContent,
  name: card.querySelector('.name').textContent,
  bars: [...card.querySelectorAll('.bars li')].map(row =>
    [row.querySelector('.label').textContent, row.querySelector('.share').textContent]),
  maps: [...card.querySelectorAll('.map img')].map(image => image.naturalWidth),
}))
"""
"""Every answered picture on the page."""


def wait(browser, condition):
    """Wait until an expression holds on the page."""
    script = f"""new Promise(resolve => {{
      const until = Date.now() + 60000;
      (function look() {{
        if ({condition}) resolve(true);
        else if (Date.now() > until) resolve(false);
        else setTimeout(look, 20);
      }})();
    }})"""
    assert browser.evaluate(script), (condition, browser.evaluate("document.body.innerText"))


def open_page(browser, server, width=1280, scheme="light"):
    browser.call("DOM.enable")
    browser.open(f"{server.address}/", width, scheme)


def choose(browser, paths):
    """Choose files in the field, as the browser's dialogue does."""
    field = browser.call("Runtime.evaluate", expression="document.getElementById('files')")["result"][
        "objectId"
    ]
    browser.call("DOM.setFileInputFiles", files=[str(path) for path in paths], objectId=field)


def drop(browser, paths):
    """Drag files from outside and let them go somewhere on the page."""
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.call("Input.dispatchDragEvent", type=kind, x=20, y=20, data=data)


def wait_for_all(browser, number):
    wait(browser, f"document.querySelectorAll('.card:not(.waiting), #unused li').length === {number}")


def wait_for_maps(browser, number):
    """Wait until so many maps are drawn; an image is shown before the browser has decoded it."""
    wait(
        browser,
        "[...document.querySelectorAll('.map img:not([hidden])')].filter(map => map.naturalWidth).length "
        f"=== {number}",
    )


def check_calm(browser, server):
    """Nothing came from elsewhere, and nothing went wrong."""
    urls = [event["request"]["url"] for event in browser.seen("Network.requestWillBeSent")]
    assert not [
        url for url in urls if not url.startswith((server.address, f"blob:{server.address}", "data:"))
    ]
    assert not browser.seen("Runtime.exceptionThrown")
    assert not [event for event in browser.seen("Log.entryAdded") if event["entry"]["level"] == "error"]
    assert not browser.seen("Runtime.consoleAPICalled")
