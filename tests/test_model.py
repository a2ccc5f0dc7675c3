import dni_lesson as dni
from dni_lesson.networks import RULES

import helpers
import keras
import numpy as np
import pytest

# A change of execution (eager, graph, XLA) reorders float32 sums.
REORDERED = {"rtol": 2e-4, "atol": 2e-6}


def small(rule="cdni", depth=4, **kwargs):
    return dni.mlp(
        depth=depth, units=8, rule=rule, input_dim=6, num_classes=3, **kwargs
    )


def compiled(model, optimizer=None, loss=None, **kwargs):
    if not kwargs:  # A few small steps are fastest without a graph.
        kwargs = {"run_eagerly": True}
    kwargs = {"steps_per_execution": 1} | kwargs
    model.compile(
        optimizer or keras.optimizers.Adam(1e-2),
        loss or helpers.crossentropy(),
        **kwargs,
    )
    return model


def plain():
    """Two modules without BatchNorm."""
    return dni.DecoupledModel(
        [
            keras.layers.Dense(
                4,
                "tanh",
                kernel_initializer=keras.initializers.Orthogonal(1, 0),
            ),
            keras.layers.Dense(
                3, kernel_initializer=keras.initializers.Orthogonal(1, 1)
            ),
        ],
        [dni.SyntheticGradient(num_classes=3)],
    )


def one_step(model, x, y, **kwargs):
    model.fit(x, y, batch_size=len(x), shuffle=False, verbose=0, **kwargs)
    return model


def test_interfaces_are_invisible_in_inference():
    x, _ = helpers.toy_data()
    outputs = [np.array(small(rule)(x)) for rule in RULES]
    for output in outputs:
        np.testing.assert_array_equal(output, outputs[0])


def test_an_oracle_makes_a_decoupled_step_equal_a_backprop_step():
    x, y = helpers.toy_data()
    reference = one_step(compiled(small("backprop")), x, y)
    modules, loss = small("backprop").modules, helpers.crossentropy()
    interfaces = [
        dni.SyntheticGradient(
            helpers.Oracle(modules[k + 1 :], loss), num_classes=3
        )
        for k in range(3)
    ]
    decoupled = one_step(
        compiled(dni.DecoupledModel(modules, interfaces)), x, y
    )
    for a, b in zip(
        helpers.weights(reference), helpers.weights(decoupled), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rule", ["dni", "cdni", "no_bprop"])
def test_nothing_below_the_top_module_moves_in_the_first_step(rule):
    x, y = helpers.toy_data()
    model = compiled(small(rule))
    before = [
        [v.numpy().copy() for v in module.trainable_variables]
        for module in model.modules
    ]
    one_step(model, x, y)
    moved = [
        any(
            np.any(old != new.numpy())
            for old, new in zip(values, module.trainable_variables, strict=True)
        )
        for values, module in zip(before, model.modules, strict=True)
    ]
    assert moved == [False, False, False, True]


def test_only_the_top_module_ever_moves_under_the_local_rule():
    x, y = helpers.toy_data()
    model = compiled(small("no_bprop"))
    start = [m.get_weights()[0] for m in model.modules]
    model.fit(x, y, epochs=3, verbose=0)
    moved = [
        np.any(a != m.get_weights()[0])
        for a, m in zip(start, model.modules, strict=True)
    ]
    assert moved == [False, False, False, True]


def test_bootstrapped_target_is_the_synthetic_gradient_from_above():
    """With zero predictions above, the target below is zero as well."""
    x, y = helpers.toy_data()
    model = compiled(small("cdni"))
    one_step(model, x, y)
    learned = [
        np.any(interface.get_weights()[0] != 0)
        for interface in model.interfaces
    ]
    assert learned == [False, False, True]


@pytest.mark.parametrize("rule", RULES)
def test_same_seed_same_numbers(rule):
    x, y = helpers.toy_data()
    runs = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        model = compiled(small(rule))
        model.fit(x, y, batch_size=8, epochs=2, verbose=0)
        runs.append(model)
    helpers.assert_same_weights(*runs)


@pytest.mark.parametrize("how", [{"jit_compile": False}, {"jit_compile": True}])
def test_eager_graph_and_xla_agree(how):
    x, y = helpers.toy_data()
    models = []
    for kwargs in ({}, how):
        model = compiled(small(), keras.optimizers.SGD(0.1), **kwargs)
        model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        models.append(model)
    for a, b in zip(*map(helpers.weights, models), strict=True):
        np.testing.assert_allclose(a, b, **REORDERED)


def predictor_weights_after(x, y, repeats=1, loss=None, **kwargs):
    """Weights of the predictors after SGD steps on copies of one batch."""
    model = compiled(small(), keras.optimizers.SGD(0.1), loss=loss)
    x, y = np.tile(x, (repeats, 1)), np.tile(y, repeats)
    kwargs = {k: np.tile(v, repeats) for k, v in kwargs.items()}
    for _ in range(3):
        one_step(model, x, y, **kwargs)
    return [w for layer in model.interfaces for w in layer.get_weights()]


def assert_close(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, **REORDERED)


def test_predictors_learn_the_same_at_every_batch_size():
    x, y = helpers.toy_data()
    assert_close(
        predictor_weights_after(x, y),
        predictor_weights_after(x, y, repeats=10),
    )


def summed_loss():
    return keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="sum"
    )


def test_predictors_see_the_same_target_under_mean_and_sum():
    x, y = helpers.toy_data()
    models = []
    for loss, rate in ((None, 1e-3), (summed_loss(), 1e-3 / len(x))):
        model = compiled(small(), keras.optimizers.SGD(0.0), loss=loss)
        model.interfaces[-1].predictor.kernel.assign_add(np.full((11, 8), 0.01))
        model.optimizer.learning_rate = rate
        models.append(one_step(model, x, y))
    # A sum moves everything `batch` times further; the rate undoes it.
    assert_close(*map(helpers.weights, models))


def test_an_example_of_weight_zero_teaches_nothing():
    """Without BatchNorm, which couples the examples of a batch."""
    x, y = helpers.toy_data()
    weight = np.ones(len(x), "float32")
    weight[::3] = 0.0
    wrong = np.where(weight == 0, (y + 1) % 3, y)
    models = []
    for labels in (y, wrong):
        model = compiled(plain(), keras.optimizers.SGD(0.1))
        for _ in range(3):
            one_step(model, x, labels, sample_weight=weight)
        models.append(model)
    assert_close(*map(helpers.weights, models))


def test_synthetic_gradients_carry_the_weight_of_their_example():
    x, y = helpers.toy_data()
    model = small()
    compiled(model)
    scale = np.array(model.gradient_scale(x, np.arange(24.0)))
    np.testing.assert_allclose(scale, np.arange(24.0) / 24, rtol=1e-6)


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight", None])
def test_gradient_scale_follows_the_reduction_of_the_loss(reduction):
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction=reduction
    )
    model = compiled(small(), loss=loss)
    scale = np.array(model.gradient_scale(np.zeros((4, 6)), np.full(4, 2.0)))
    expected = 0.25 if reduction == "mean_with_sample_weight" else 2.0
    np.testing.assert_allclose(scale, np.full(4, expected))


@pytest.mark.parametrize(
    "optimizer", ["sgd", "rmsprop", "adamw", "nadam", "lion", "adafactor"]
)
def test_any_keras_optimizer_trains_it(optimizer):
    x, y = helpers.toy_data()
    model = compiled(small(), keras.optimizers.get(optimizer))
    before = helpers.weights(model)
    model.fit(x, y, epochs=2, verbose=0)
    after = helpers.weights(model)
    assert all(np.isfinite(w).all() for w in after)
    assert any(np.any(a != b) for a, b in zip(before, after, strict=True))


def test_mixed_float16_learns_what_float32_learns():
    """The loss scale, 2**15 at first, must cancel in every update."""
    x, y = helpers.toy_data()
    models = []
    for policy in ("float32", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        try:
            model = compiled(small(), keras.optimizers.SGD(0.1))
            for _ in range(4):
                one_step(model, x, y)
        finally:
            keras.config.set_dtype_policy("float32")
        models.append(model)
    half_precision = {"rtol": 0.02, "atol": 2e-3}
    for a, b in zip(*map(helpers.weights, models), strict=True):
        np.testing.assert_allclose(a, b, **half_precision)


def test_a_saved_model_predicts_and_trains_on_identically(tmp_path):
    x, y = helpers.toy_data()
    model = compiled(small(predictor=(5,)))
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0)
    )
    for one in (model, loaded):
        one.fit(x, y, epochs=2, shuffle=False, verbose=0)
    helpers.assert_same_weights(model, loaded)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_survives_saving(rule, tmp_path):
    model = compiled(small(rule))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    helpers.assert_same_weights(model, loaded)
    assert len(loaded.interfaces) == 3


def test_a_model_of_unbuilt_modules_is_built_by_fit_and_saved(tmp_path):
    x, y = helpers.toy_data()
    model = one_step(compiled(plain()), x, y)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded(x), model(x))


def test_plain_dni_regresses_without_classes():
    x, _ = helpers.toy_data()
    model = dni.DecoupledModel(
        [keras.layers.Dense(4, "tanh"), keras.layers.Dense(2)],
        [dni.SyntheticGradient()],
    )
    compiled(model, loss=keras.losses.MeanSquaredError())
    history = model.fit(x, x[:, :2], epochs=20, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_one_hot_labels_train_like_integers():
    x, y = helpers.toy_data()
    one_hot = keras.utils.to_categorical(y, 3)
    dense = keras.losses.CategoricalCrossentropy(from_logits=True)
    models = [
        one_step(compiled(small()), x, y),
        one_step(compiled(small()), x, one_hot),
        one_step(compiled(small(), loss=dense), x, one_hot),
    ]
    helpers.assert_same_weights(models[0], models[1])
    assert_close(*map(helpers.weights, models[1:]))


def test_modules_and_interfaces_must_match():
    dense = keras.layers.Dense(2)
    with pytest.raises(ValueError, match="`interfaces`.*1 for 2 modules"):
        dni.DecoupledModel([dense, dense], [])
    with pytest.raises(ValueError, match="`interfaces`. Expected Interface"):
        dni.DecoupledModel([dense, dense], [dense])
    with pytest.raises(ValueError, match="`modules`. Expected Keras"):
        dni.DecoupledModel(["dense"], [])
