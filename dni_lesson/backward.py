"""Functions whose backward pass is not the derivative of their forward pass.

Backpropagation couples the modules of a network because a gradient has to
travel through all of them. Cutting the network is easy in the forward pass:
nothing changes. All of the idea lives in the backward pass, where a boundary
must send a *predicted* gradient down and teach the predictor with the gradient
that arrives from above. `splice` is that backward pass.
"""

from keras import ops


def splice(h, g_hat):
    """Returns `h` unchanged and replaces its gradient by `g_hat`.

    Forward, the result is `h`, bit for bit. Backward, let `g` be the gradient
    of the loss with respect to the result. Then

    - `h` receives `g_hat` instead of `g`;
    - `g_hat` receives `g_hat - g`, the gradient of `0.5 * sum((g_hat - g)**2)`
      with `g` held fixed.

    One ordinary backward pass therefore trains the module below with the
    synthetic gradient and the predictor that made `g_hat` by regression to the
    gradient from above. If the module above ends in a `splice` too, `g` is
    itself a pushed-back prediction: the bootstrapped target of the paper.

    `splice` knows no scale: both gradients are in the units of `g`.

    Args:
        h: Float tensor of any shape, the output of a module.
        g_hat: Tensor of the shape and dtype of `h`, the prediction of the
            gradient of the loss with respect to `h`.

    Returns:
        A tensor equal to `h`.

    Raises:
        ValueError: If `h` and `g_hat` differ in shape.

    Example:

    >>> h = tf.constant([1.0, 2.0])
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(h)
    ...     loss = keras.ops.sum(dni.splice(h, keras.ops.ones(2)) * 10.0)
    >>> [float(g) for g in tape.gradient(loss, h)]  # 10 is not seen
    [1.0, 1.0]

    Reference:

    - Jaderberg et al., Decoupled Neural Interfaces using Synthetic Gradients,
      [arXiv 1608.05343](https://arxiv.org/abs/1608.05343), section 2.
    """
    h, g_hat = ops.convert_to_tensor(h), ops.convert_to_tensor(g_hat)
    if not same_shape(h.shape, g_hat.shape):
        raise ValueError(
            "`g_hat` must have the shape of `h`. "
            f"Expected: {tuple(h.shape)}. Received: {tuple(g_hat.shape)}"
        )
    return splice_by(ops.subtract)(h, g_hat)


def same_shape(one, other):
    """Returns whether two shapes may be the same, where `None` is any size."""
    return len(one) == len(other) and all(
        a is None or b is None or a == b
        for a, b in zip(one, other, strict=True)
    )


def arrived(args, upstream):
    """Returns the gradient that a `grad` of `ops.custom_gradient` is called
    with: TensorFlow and JAX pass it by position, PyTorch as `upstream`."""
    return args[0] if upstream is None else upstream


def splice_by(error, sent=lambda g_hat, g, *others: g_hat):
    """Returns `splice` for tensors of the same shape and another regression.

    Args:
        error: Function of `g_hat`, `g` and what follows `h` and `g_hat` in the
            call. It returns the gradient that `g_hat` receives.
        sent: Function of the same, which returns the gradient that `h`
            receives. Default: `g_hat`, whatever arrives.
    """

    @ops.custom_gradient
    def spliced(h, g_hat, *others):
        def grad(*args, upstream=None):
            g = arrived(args, upstream)
            aside = ops.cast(error(g_hat, g, *others), g_hat.dtype)
            down = ops.cast(sent(g_hat, g, *others), h.dtype)
            return down, aside, *map(ops.zeros_like, others)

        return ops.copy(h), grad

    return spliced


def mixture(g_hat, g, gradient_scale, share):
    """Returns `share * g + (1 - share) * g_hat`, a `sent` of `splice_by`.

    At its ends one of the two is nothing to it, even if that is not finite.
    """
    mixed = share * g + (1 - share) * g_hat
    return ops.where(share <= 0, g_hat, ops.where(share >= 1, g, mixed))


@ops.custom_gradient
def rescale_forward(x, scale):
    """Returns `x * scale`; the gradient reaches `x` as if `scale` were 1.

    The product is formed in the dtype of `scale`: a loss scale for float16 may
    be larger than float16 can hold.
    """

    def grad(*args, upstream=None):
        return arrived(args, upstream), ops.zeros_like(scale)

    product = ops.multiply(ops.cast(x, scale.dtype), scale)
    return ops.cast(product, x.dtype), grad


@ops.custom_gradient
def replace_forward(h, h_hat, scale):
    """Returns `h_hat`; `h` receives what arrives, and `h_hat` the gradient of
    `0.5 * sum(scale * (h_hat - h)**2)` with `h` held fixed."""

    def grad(*args, upstream=None):
        error = scale * ops.cast(h_hat - h, scale.dtype)
        aside = ops.cast(error, h_hat.dtype)
        return arrived(args, upstream), aside, ops.zeros_like(scale)

    return ops.copy(h_hat), grad


@ops.custom_gradient
def teach(x, learner, gradient):
    """Returns `x`; backward, `learner` receives `gradient`, come what may.

    Args:
        x: Tensor. It receives what arrives, as if nothing had happened.
        learner: Tensor that something trainable has made.
        gradient: Tensor of the shape of `learner`.
    """

    def grad(*args, upstream=None):
        return arrived(args, upstream), gradient, ops.zeros_like(gradient)

    return ops.copy(x), grad
