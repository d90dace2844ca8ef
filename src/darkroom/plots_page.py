"""The HTML template for `dvc plots`, with the plotting JavaScript inlined so that it opens offline.

DVC's own page loads Vega from a server and stays blank without one. ``python -m darkroom.plots_page FILE`` writes one
that DVC takes instead where `plots.html_template` names it; `make` does both.
"""

import sys
from importlib import resources
from pathlib import Path

from darkroom import files


def page() -> str:
    """Return the page, with ``{plot_divs}`` where DVC puts its charts.

    Vega, Vega-Lite and Vega-Embed (BSD-3-Clause, https://vega.github.io) come bundled in the package vl-convert-python.
    """
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    template = resources.files("darkroom").joinpath("plots_page.html").read_text(encoding="utf-8")
    # The bundle would end the element it stands in, or name what the page's own code names: the former is escaped, and
    # a function keeps its names to itself.
    return template.replace("/* vega */", f"(() => {{{bundle}}})();".replace("</script", r"<\/script"))


if __name__ == "__main__":
    with files.whole(Path(sys.argv[1])) as part:
        part.write_text(page(), encoding="utf-8", newline="\n")
