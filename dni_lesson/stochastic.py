"""Updates by chance: each module is updated, or not, by a draw of its own."""

from dni_lesson.checks import as_float

import keras
import numpy as np
from keras import ops


def check_probabilities(name, value, modules):
    """Returns a list of floats in `(0, 1]`, one for each module.

    Args:
        name: String, how the error calls the argument.
        value: Number for all modules, or a list with one for each.
        modules: Integer, how many modules there are.

    Raises:
        ValueError: If it is neither.
    """
    many = hasattr(value, "__len__") and not isinstance(value, str | dict)
    numbers = [as_float(p) for p in (value if many else [value] * modules)]
    if len(numbers) != modules or not all(0 < p <= 1 for p in numbers):
        raise ValueError(
            f"`{name}`. Expected a number > 0 and <= 1, or a list of one for "
            f"each of {modules} modules. Received: {name}={value!r}"
        )
    return numbers


def is_stochastic(model):
    """Returns whether some modules of a `DecoupledModel` miss updates."""
    return min(model.update_probability) < 1


def by_chance(model, optimizer):
    """Returns the optimizer, or that of single modules if they need one."""
    if not is_stochastic(model) or optimizer is None:
        return optimizer
    is_scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    on_tensorflow = keras.backend.backend() == "tensorflow"
    if is_scaled or model.is_distributed() or not on_tensorflow:
        raise ValueError(
            "`update_probability`. Below 1 expected the TensorFlow backend, no "
            "`tf.distribute` strategy, and an optimizer that Keras may wrap in "
            "a LossScaleOptimizer by itself. Received: update_probability="
            f"{model.update_probability}, optimizer={optimizer!r}"
        )
    return StochasticUpdates(
        optimizer,
        lambda variables: by_module(model, variables),
        model.update_probability,
        model.seed,
    )


def by_module(model, variables):
    """Returns a list for each module of the variables updated with it: its own
    and those of the interface above and of the synthetic input below. The first
    has all that are left over."""
    owners, groups = {}, [[] for _ in model.modules]
    below = [None, *model.synthetic_inputs]
    for k, (stage, given) in enumerate(zip(model.stages(), below, strict=True)):
        for layer in [*stage, given]:
            for variable in [] if layer is None else layer.trainable_variables:
                owners.setdefault(id(variable), k)
    for variable in variables:
        groups[owners.get(id(variable), 0)].append(variable)
    return groups


def updates_of(model):
    """Returns how often each module was updated, an integer array."""
    optimizer = model.optimizer if model.compiled else None
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if isinstance(optimizer, StochasticUpdates):
        return np.array(optimizer.updates)
    done = 0 if optimizer is None else int(optimizer.iterations)
    return np.full(len(model.modules), done)


class StochasticUpdates(keras.optimizers.Optimizer):
    """An optimizer that updates each group of variables with a probability.

    Every group has a clone of `optimizer`, with slots and a count of updates of
    its own, so a group that is left out keeps all of it: momentum does not move
    it, and Adam corrects its averages, and a schedule sets the learning rate,
    by as many updates as there really were. `iterations` counts steps.

    Args:
        optimizer: Keras optimizer, not built.
        groups: Function of the list of all variables, which returns a list of
            lists of them; called when they are there.
        probabilities: List of floats in (0, 1], one for each group.
        seed: Integer, of the draws, or `None`.
    """

    def __init__(self, optimizer, groups, probabilities, seed=None):
        super().__init__(learning_rate=0.0, name="stochastic_updates")
        self.optimizer = optimizer
        self.probabilities = list(probabilities)
        self.draws = keras.random.SeedGenerator(seed)
        self.clones = [same_optimizer(optimizer) for _ in probabilities]
        self._group = groups

    def build(self, variables):
        self.everything, self.members = variables, self._group(variables)
        for one, group in zip(self.clones, self.members, strict=True):
            one.build(group)
        super().build(variables)

    @property
    def variables(self):
        clones = [v for one in self.clones for v in one.variables]
        return [*super().variables, self.draws.state, *clones]

    @property
    def updates(self):
        """List of integers, how often each group was updated."""
        return [int(one.iterations) for one in self.clones]

    def apply(self, grads, trainable_variables=None):
        if not self.built:
            self.build(list(trainable_variables))
        variables = trainable_variables or self.everything
        gradients = {id(v): g for v, g in zip(variables, grads, strict=True)}
        luck = keras.random.uniform((len(self.clones),), seed=self.draws)
        for k, (one, group) in enumerate(
            zip(self.clones, self.members, strict=True)
        ):
            theirs = [gradients.get(id(v)) for v in group]
            if all(g is None for g in theirs):
                continue
            ops.cond(
                luck[k] < self.probabilities[k],
                lambda one=one, grads=theirs, group=group: one.apply(
                    grads, group
                ),
                lambda: None,
            )
        self.iterations.assign_add(1)

    def scale_loss(self, loss):
        return self.clones[0].scale_loss(loss)

    def finalize_variable_values(self, var_list):
        for one, group in zip(self.clones, self.members, strict=True):
            if int(one.iterations) > 0:  # Before that averages are zero.
                one.finalize_variable_values(group)

    @property
    def learning_rate(self):
        return self.clones[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        for one in self.clones:
            one.learning_rate = learning_rate

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "optimizer": serialize(self.optimizer),
            "probabilities": list(self.probabilities),
        }


def same_optimizer(optimizer):
    """Returns a new Keras optimizer with the same settings, not built."""
    return type(optimizer).from_config(optimizer.get_config())
