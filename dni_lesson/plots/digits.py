"""Digits as a reader sees them."""

import matplotlib.pyplot as plt


def plot_digits(images, titles=None, axes=None):
    """Draws digits in a row.

    Args:
        images: Array `(n, 784)` or `(n, 28, 28)`.
        titles: Sequence of n strings. Default: none.
        axes: Sequence of n matplotlib axes. Default: a new row of them.

    Returns:
        The axes.
    """
    if axes is None:
        _, axes = plt.subplots(
            1, len(images), figsize=(len(images), 1.4), squeeze=False
        )
        axes = axes[0]
    for k, (image, ax) in enumerate(zip(images, axes, strict=True)):
        ax.imshow(image.reshape(28, 28), cmap="gray_r")
        ax.set_axis_off()
        if titles is not None:
            ax.set_title(str(titles[k]), fontsize=9)
    return axes
