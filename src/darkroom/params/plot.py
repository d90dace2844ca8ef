"""The section `plot` of params.yaml."""

from typing import Annotated

from pydantic import Field

from darkroom.params.section import Section


class PlotParams(Section):
    """How the figures are drawn.

    Attributes
    ----------
    samples : int
        Images in the grids of samples and of mistakes, at most.
    dpi : int
        Resolution of the PNG figures, dots per inch.
    """

    samples: Annotated[int, Field(ge=1, le=100)]
    dpi: Annotated[int, Field(ge=50, le=300)]
