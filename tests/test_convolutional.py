import dni_lesson as dni
from dni_lesson.networks import RULES

import helpers
import keras
import numpy as np
import pytest
from helpers import double_precision

__all__ = ["double_precision"]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 8, 8, 1)).astype("float32")
Y = RNG.integers(0, 3, 24)
# A rule, and what predicts for it.
KINDS = [
    ("backprop", "linear"),
    ("dni", "linear"),
    ("cdni", "linear"),
    ("cdni", "softmax"),
    ("cdni", (3,)),
    ("greedy", "linear"),
    ("dfa", "linear"),
    ("no_bprop", "linear"),
]
LEARNS_TO_PREDICT = [kind for kind in KINDS if kind[0] in ("dni", "cdni")]


def cnn(rule="cdni", predictor="linear", **kwargs):
    return dni.cnn(2, 4, rule, (8, 8, 1), 3, predictor, **kwargs)


def compiled(model, optimizer=None):
    # Adam would make much of another order of additions in small gradients.
    optimizer = optimizer or keras.optimizers.SGD(0.05, momentum=0.9)
    model.compile(optimizer, helpers.crossentropy(), jit_compile=False)
    return model


def fitted(model, **kwargs):
    how = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    model.fit(X, Y, **how, **kwargs)
    return model


def assert_alike(one, other):
    """Not bit for bit: threads that convolve may add up in another order."""
    for a, b in zip(*map(helpers.weights, (one, other)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


def test_cnn_is_as_documented():
    model = dni.cnn(blocks=3, filters=5, input_shape=(28, 20, 2), num_classes=4)
    assert len(model.modules) == 4 and len(model.interfaces) == 3
    kinds = [type(layer).__name__ for layer in model.modules[1].layers]
    assert kinds == ["Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D"]
    kinds = [type(layer).__name__ for layer in model.modules[3].layers]
    assert kinds == ["Flatten", "Dense"]
    assert model.modules[3].layers[-1].activation is keras.activations.linear
    assert model.compute_output_shape((None, 28, 20, 2)) == (None, 4)


def test_all_rules_start_from_the_same_weights():
    for rule in RULES:
        for one, other in zip(
            cnn(rule).modules, cnn("backprop").modules, strict=True
        ):
            helpers.assert_same_weights(one, other)
    assert np.any(
        cnn(seed=1).modules[0].get_weights()[0]
        != cnn(seed=0).modules[0].get_weights()[0]
    )


def test_by_backprop_it_is_the_network_of_plain_keras(double_precision):
    model, layers = cnn("backprop"), keras.layers
    blocks = []
    for _ in range(2):
        blocks += [
            layers.Conv2D(4, 5, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.MaxPooling2D(),
        ]
    plain = keras.Sequential(
        [keras.Input((8, 8, 1)), *blocks, layers.Flatten(), layers.Dense(3)]
    )
    plain.set_weights([w for one in model.modules for w in one.get_weights()])
    fitted(compiled(plain))
    fitted(compiled(model))
    assert_alike(plain, dni.DecoupledModel(model.modules, [None, None]))


def test_an_oracle_makes_a_decoupled_step_equal_a_backprop_step(
    double_precision,
):
    reference, modules = cnn("backprop"), cnn("backprop").modules
    interfaces = [
        dni.SyntheticGradient(
            helpers.Oracle(modules[k + 1 :], helpers.crossentropy()), 3
        )
        for k in range(2)
    ]
    decoupled = dni.DecoupledModel(modules, interfaces)
    for model in (reference, decoupled):
        fitted(compiled(model, keras.optimizers.SGD(0.1)))
    for one, other in zip(reference.modules, modules, strict=True):
        assert_alike(one, other)


@pytest.mark.parametrize(("rule", "predictor"), LEARNS_TO_PREDICT)
def test_before_it_has_learnt_a_predictor_moves_no_block(rule, predictor):
    model = compiled(cnn(rule, predictor))
    for gradient in dni.boundary_gradients(model, X, Y):
        assert gradient.true.shape == gradient.synthetic.shape
        assert np.any(gradient.true) and not np.any(gradient.synthetic)
    before = [
        helpers.learnt(dni.DecoupledModel([m], [])) for m in model.modules
    ]
    model.fit(X, Y, batch_size=24, verbose=0)
    for module, old in zip(model.modules, before, strict=True):
        new = helpers.learnt(dni.DecoupledModel([module], []))
        moved = not all(map(np.array_equal, old, new))
        assert moved == (module is model.modules[-1])


def test_a_predictor_sees_each_label_as_planes_of_zeros_and_ones():
    layer = cnn("cdni").interfaces[0]
    h = RNG.normal(size=(24, 4, 4, 4)).astype("float32")
    seen = layer.predictor_inputs(h, Y).numpy()
    np.testing.assert_array_equal(seen[..., :4], h)
    for k in range(3):
        is_k = np.broadcast_to((Y == k)[:, None, None], (24, 4, 4))
        np.testing.assert_array_equal(seen[..., 4 + k], is_k)


def test_blocks_below_a_boundary_feel_nothing_of_the_loss_above(
    double_precision,
):
    models = [cnn("cdni") for _ in range(2)]
    kernel = models[1].modules[-1].layers[-1].kernel
    kernel.assign(100 * kernel)
    for model in models:
        for interface in model.interfaces:
            last = interface.predictor.kernel
            last.assign(np.random.default_rng(1).normal(size=last.shape))
        compiled(model, keras.optimizers.SGD(0.1))
        model.fit(X, Y, batch_size=24, shuffle=False, verbose=0)
    for one, other in zip(
        *(model.modules[0].get_weights() for model in models), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_where_labels_are_seen_the_predictor_is_a_softmax():
    kinds = {"cdni": dni.PooledPredictor, "dni": keras.layers.Conv2D}
    for rule, kind in kinds.items():
        for interface in cnn(rule, None).interfaces:
            assert isinstance(interface.predictor, kind)


@pytest.mark.parametrize(
    ("rule", "predictor"),
    [
        ("backprop", "linear"),
        ("cdni", "linear"),
        ("cdni", "softmax"),
        ("greedy", "linear"),
    ],
)
def test_it_trains_alike_by_fit_and_by_workers(
    double_precision, rule, predictor
):
    models = [compiled(cnn(rule, predictor)) for _ in range(2)]
    start = helpers.weights(models[0])
    fitted(models[0])
    schedule = "locked" if rule == "backprop" else "decoupled"
    how = {"batch_size": 8, "epochs": 2, "shuffle": False, "queue_size": 1}
    dni.fit_async(models[1], X, Y, schedule=schedule, **how)
    assert_alike(*models)
    assert not any(map(np.array_equal, start, helpers.weights(models[0])))


@pytest.mark.parametrize(("rule", "predictor"), KINDS)
def test_it_is_saved_and_trains_on(double_precision, rule, predictor, tmp_path):
    model = fitted(compiled(cnn(rule, predictor)))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    for one in (model, loaded):
        fitted(one)
    assert_alike(model, loaded)


@pytest.mark.parametrize("predictor", ["linear", "softmax"])
def test_it_trains_in_half_precision(predictor):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = compiled(cnn("cdni", predictor))
    finally:
        keras.config.set_dtype_policy("float32")
    before = helpers.learnt(model)
    losses = model.fit(X, Y, batch_size=8, epochs=2, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert any(map(np.any, map(np.subtract, before, helpers.learnt(model))))


def test_a_monitor_leaves_training_as_it_is(double_precision):
    models = [compiled(cnn()) for _ in range(2)]
    monitor = dni.GradientMonitor(X[:8], Y[:8])
    fitted(models[0])
    fitted(models[1], callbacks=[monitor])
    assert_alike(*models)
    assert monitor.history["boundary"] == [1, 2, 1, 2]
    assert np.isfinite(monitor.history["cosine"]).all()


@pytest.mark.parametrize(
    "argument, value",
    [
        ("blocks", 0),
        ("blocks", 5),
        ("blocks", 2.0),
        ("filters", 0),
        ("rule", "DNI"),
        ("input_shape", 784),
        ("input_shape", (28, 28)),
        ("input_shape", (1, 28, 1)),
        ("input_shape", (28, 28, 0)),
        ("num_classes", 1),
        ("predictor", (0,)),
        ("predictor", "convolution"),
        ("seed", -1),
    ],
)
def test_cnn_names_the_argument_that_is_wrong(argument, value):
    with pytest.raises(ValueError, match=f"`{argument}`. Expected"):
        dni.cnn(**{argument: value})


def test_a_share_of_one_is_backprop(double_precision):
    shared = fitted(compiled(cnn("cdni", None, share=1.0)))
    plain = fitted(compiled(cnn("backprop")))
    for one, other in zip(shared.modules, plain.modules, strict=True):
        assert_alike(one, other)


def test_blocks_are_updated_by_chance():
    model = fitted(compiled(cnn(update_probability=[1, 0.5, 1])))
    top, chance, bottom = model.layer_updates
    assert top == bottom == 6 and 0 < chance < 6


def test_a_rule_without_labels_has_no_softmax_predictor():
    with pytest.raises(ValueError, match="`predictor`. Expected 'linear'"):
        dni.cnn(rule="dni", predictor="softmax")
