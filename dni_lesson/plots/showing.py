"""A figure in a notebook or in a page, with its description."""

import base64
import io

from dni_lesson.plots.describing import png_metadata

import matplotlib.pyplot as plt
from IPython.display import display


def show(figure, alt):
    """Displays a figure in a notebook, with a text for those who cannot see it.

    Args:
        figure: Matplotlib figure; it is closed.
        alt: String, one or two sentences: what the figure shows.
    """
    picture = encode(figure)
    plt.close(figure)
    # The text is the output's plain form too: it stands in where no picture
    # can be shown, and tests can compare it.
    display(
        {"image/png": picture, "text/plain": alt},
        metadata={"image/png": {"alt": alt}},
        raw=True,
    )


def encode(figure):
    """Returns a figure as PNG in base64, as notebooks and pages embed it."""
    buffer = io.BytesIO()
    figure.savefig(
        buffer,
        format="png",
        dpi=100,
        bbox_inches="tight",
        metadata=png_metadata(figure),
    )
    return base64.b64encode(buffer.getvalue()).decode()
