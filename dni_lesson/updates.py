"""The update of one module in a call of its own, as published.

With synthetic gradients modules can be updated one without the other. Each call
runs the forward pass again, up to the module above, whose predictor gives the
target of this module's predictor.
"""

from dni_lesson.costs import crosses

import keras
import tensorflow as tf


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def learning_layers(model):
    """Returns how many layers learn: all, or of `no_bprop` the top alone."""
    reached = all(crosses(interface) for interface in model.interfaces)
    return len(model.modules) if reached else 1


def layer_call(model, k, optimizer, jit_compile=True):
    """Returns the compiled update of module `k` and its predictor.

    That of the last module returns the loss and the accuracy of the batch.
    """
    modules, interfaces, loss = model.modules, model.interfaces, crossentropy()
    last = k == len(modules) - 1
    variables = list(modules[k].trainable_variables)
    if not last:
        variables += interfaces[k].trainable_variables
    optimizer.build(variables)

    @tf.function(jit_compile=jit_compile)
    def call(x, y):
        h = x
        for module in modules[:k]:
            h = module(h, training=True)
        with tf.GradientTape() as tape:
            h, pushed = modules[k](h, training=True), None
            if not last:
                h = interfaces[k](h, y, training=True)
                h = modules[k + 1](h, training=True)
            if k + 1 < len(interfaces):  # The target is bootstrapped.
                pushed, target = interfaces[k + 1].synthetic_gradient(h, y), h
            else:
                target = loss(y, h)
        gradients = tape.gradient(
            target, [one.value for one in variables], output_gradients=pushed
        )
        optimizer.apply(gradients, variables)
        if last:
            right = keras.metrics.sparse_categorical_accuracy(y, h)
            return {"loss": target, "accuracy": tf.reduce_mean(right)}

    return call
