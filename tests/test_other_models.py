"""All that is public works on models that are not an `mlp`."""

import dni_lesson as dni

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

D, S = layers.Dense, dni.SyntheticGradient
X, Y = helpers.toy_data()
IMAGES = np.random.default_rng(0).normal(size=(24, 6, 6, 1)).astype("float32")
TOKENS = np.random.default_rng(0).integers(0, 9, size=(24, 5))
TOKENS[:, 3:] = 0  # padding


@keras.saving.register_keras_serializable(package="test")
class Scaled(layers.Layer):
    """A layer of one's own, which says nothing about shapes."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = D(5)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, inputs):
        return 2 * self.dense(inputs)


def functional():
    inputs = keras.Input((6,))
    h = D(4, "relu")(inputs)
    return keras.Model(inputs, layers.Concatenate()([h, inputs]))


def two_inputs(form):
    a, b = (keras.Input((6,), name=name) for name in "ab")
    h = layers.Concatenate()([D(4)(a), b])
    return keras.Model(form(a, b), h)


def unbuilt():
    return dni.DecoupledModel([D(8), D(3)], [S(num_classes=3)])


MODELS = {
    "unbuilt": (unbuilt, X),
    "own layer": (lambda: dni.DecoupledModel([Scaled(), D(3)], [S()]), X),
    "functional": (
        lambda: dni.DecoupledModel([functional(), D(3)], [S(num_classes=3)]),
        X,
    ),
    "images": (
        lambda: dni.DecoupledModel(
            [
                layers.Conv2D(4, 3),
                layers.MaxPooling2D(),
                keras.Sequential([layers.Flatten(), D(3)]),
            ],
            [S(num_classes=3), None],
        ),
        IMAGES,
    ),
    "nested": (
        lambda: dni.DecoupledModel([unbuilt(), D(4), D(3)], [S(), None]),
        X,
    ),
    "tokens": (
        lambda: dni.DecoupledModel(
            [layers.Embedding(9, 4, mask_zero=True), layers.LSTM(4), D(3)],
            [S(num_classes=3), S()],
        ),
        TOKENS,
    ),
    "a dict of inputs": (
        lambda: dni.DecoupledModel(
            [two_inputs(lambda a, b: {"a": a, "b": b}), D(3)],
            [S(num_classes=3)],
        ),
        {"a": X, "b": X},
    ),
    "a list of inputs": (
        lambda: dni.DecoupledModel(
            [two_inputs(lambda *both: list(both)), D(3)], [S(num_classes=3)]
        ),
        [X, X],
    ),
}


def compiled(model, **kwargs):
    kwargs = {"jit_compile": False} | kwargs  # Small steps, compiled fast.
    model.compile("adam", helpers.crossentropy(), **kwargs)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_trained_watched_and_saved_before_it_is_built(
    name, tmp_path
):
    make, x = MODELS[name]
    model = compiled(make())
    monitor = dni.GradientMonitor(x, Y)
    losses = model.fit(x, Y, epochs=3, verbose=0, callbacks=[monitor])
    assert losses.history["loss"][-1] < losses.history["loss"][0]
    boundaries = sum(one is not None for one in model.interfaces)
    assert len(monitor.history["cosine"]) == 3 * boundaries
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5
    )
    assert np.isfinite(loaded.evaluate(x, Y, verbose=0))


@pytest.mark.parametrize("name", MODELS)
def test_boundary_gradients_build_a_model_and_take_the_labels_of_fit(name):
    make, x = MODELS[name]
    model = compiled(make())
    one_hot = dni.boundary_gradients(model, x, np.eye(3)[Y])
    numbers = dni.boundary_gradients(model, x, Y)
    for one, other in zip(one_hot, numbers, strict=True):
        np.testing.assert_array_equal(one.true, other.true)
        assert np.any(one.true != 0) and one.true.shape == one.synthetic.shape


def test_a_model_among_the_modules_stands_for_its_own_modules():
    nested = dni.DecoupledModel([unbuilt(), D(3)], [S(num_classes=3)])
    assert len(nested.modules) == 3
    assert [one.num_classes for one in nested.interfaces] == [3, 3]
    copy = dni.DecoupledModel.from_config(nested.get_config())
    assert len(copy.modules) == 3


class Length(layers.Layer):
    """Notes whether a mask has reached it in training."""

    def __init__(self):
        super().__init__()
        self.supports_masking, self.masks = True, []

    def call(self, inputs, mask=None):
        self.masks.append(mask)
        return keras.ops.mean(inputs, axis=1)

    def compute_mask(self, inputs, previous_mask):
        return None


@pytest.mark.parametrize("training", [False, True])
def test_a_mask_passes_an_interface(training):
    length = Length()
    model = dni.DecoupledModel(
        [layers.Embedding(9, 4, mask_zero=True), length, D(3)], [S(), None]
    )
    model.build((None, 5))
    length.masks.clear()
    model(TOKENS, training=training)
    np.testing.assert_array_equal(length.masks[0], TOKENS != 0)


def test_a_mask_passes_an_interface_in_a_sequential_model():
    length = Length()
    model = keras.Sequential(
        [layers.Embedding(9, 4, mask_zero=True), S(), length, D(3)]
    )
    model(TOKENS, training=True)
    np.testing.assert_array_equal(length.masks[-1], TOKENS != 0)


def test_what_a_module_above_adds_to_the_loss_is_in_the_true_gradient():
    weight, penalty = np.full((3, 3), 0.5, "float32"), 5.0
    above = D(3, activity_regularizer=keras.regularizers.L2(penalty))
    below = D(3, activity_regularizer=keras.regularizers.L2(7.0))
    top = keras.Sequential([keras.Input((3,)), above])
    model = compiled(dni.DecoupledModel([below, top], [S()]))
    model.build((None, 6))
    above.set_weights([weight, np.zeros(3)])
    with tf.GradientTape() as tape:
        h = below(X)
        tape.watch(h)
        out = above(h)
        loss = helpers.crossentropy()(Y, out)
        loss += penalty * tf.reduce_sum(out**2) / len(X)
    (received,) = dni.boundary_gradients(model, X, Y)
    np.testing.assert_allclose(
        received.true, tape.gradient(loss, h), rtol=1e-4, atol=1e-6
    )


def test_token_numbers_stay_whole_under_bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = dni.DecoupledModel(
            [
                keras.Sequential([layers.Embedding(5000, 4), layers.Flatten()]),
                D(3),
            ],
            [S(num_classes=3)],
        )
    finally:
        keras.config.set_dtype_policy("float32")
    compiled(model)
    tokens = np.full((24, 1), 4001)
    model.fit(tokens, Y, verbose=0)
    table = model.modules[0].layers[0]
    values = table.get_weights()[0]
    values[4000] = 1e3
    table.set_weights([values])
    (received,) = dni.boundary_gradients(model, tokens, Y)
    assert np.abs(received.true.astype("float32")).max() < 1


@pytest.mark.parametrize("length", [3, 7])
def test_sequences_of_unknown_length_have_labels_too(length):
    model = compiled(
        dni.DecoupledModel(
            [
                keras.Sequential([keras.Input((None, 2)), D(4)]),
                layers.GlobalAveragePooling1D(),
                D(3),
            ],
            [S(num_classes=3), None],
        ),
        jit_compile=False,
    )
    for steps in (length, length + 1):
        x = np.ones((24, steps, 2), "float32")
        model.fit(x, Y, verbose=0)


@pytest.mark.parametrize("interface", [S(num_classes=4), S(), None])
def test_sequences_and_pictures_have_a_label_for_each_position(interface):
    rng = np.random.default_rng(0)
    for shape in ((5,), (4, 4)):
        x = rng.normal(size=(24, *shape, 2)).astype("float32")
        y = rng.integers(4, size=(24, *shape))
        y[0] = -1
        copy = interface and S.from_config(interface.get_config())
        model = dni.DecoupledModel([D(8), D(4)], [copy])
        model.compile(
            "adam",
            keras.losses.SparseCategoricalCrossentropy(
                from_logits=True, ignore_class=-1
            ),
        )
        weight = np.ones_like(y, "float32")
        losses = model.fit(x, y, epochs=5, verbose=0, sample_weight=weight)
        losses = losses.history["loss"]
        assert losses[-1] < losses[0]
        with pytest.raises(ValueError, match="`y`. Expected integer labels"):
            model.fit(x, np.where(y == 3, 9, y), verbose=0)


def test_soft_labels_train():
    soft = np.full((24, 3), 0.1) + 0.7 * np.eye(3)[Y]
    model = unbuilt()
    model.compile("adam", keras.losses.CategoricalCrossentropy(True))
    assert np.isfinite(model.fit(X, soft, verbose=0).history["loss"]).all()


def test_a_label_for_each_position_needs_an_interface_with_positions():
    model = dni.DecoupledModel(
        [D(6), layers.RepeatVector(5), D(3)], [S(num_classes=3), None]
    )
    compiled(model)
    with pytest.raises(ValueError, match="`labels`. The layer 'synthetic.*"):
        model.fit(X, np.zeros((24, 5), int), verbose=0)


def custom(y_true, y_pred):
    return keras.losses.sparse_categorical_crossentropy(
        y_true, y_pred, from_logits=True
    )


@pytest.mark.parametrize("as_arrays", [True, False])
@pytest.mark.parametrize(
    "loss",
    [helpers.crossentropy(), [helpers.crossentropy()], custom],
)
@pytest.mark.parametrize("interface", [S(), None])
def test_labels_out_of_range_are_refused_under_xla(interface, loss, as_arrays):
    model = dni.DecoupledModel([D(4), D(3)], [interface])
    model.compile("sgd", loss)
    wrong = Y.copy()
    wrong[20] = 5
    data = helpers.data_set(X, wrong, batch_size=4)
    arguments = (X, wrong) if as_arrays else (data,)
    with pytest.raises(ValueError, match="`y`"):
        model.fit(*arguments, shuffle=False, verbose=0)
    assert model.optimizer.iterations == (0 if as_arrays else 5)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    with pytest.raises(ValueError, match="`y`"):
        model.evaluate(*arguments, verbose=0)


def test_the_interface_that_cannot_use_a_label_is_named():
    model = dni.DecoupledModel(
        [D(4), D(4), D(3)],
        [S(num_classes=3), S(num_classes=2, name="narrow")],
    )
    with pytest.raises(ValueError, match="2 among them.*'narrow' cannot use"):
        compiled(model).fit(X, np.full(24, 2), verbose=0)


@pytest.mark.parametrize("weight", [np.full(24, np.nan), np.ones(23)])
def test_weights_that_are_no_numbers_are_refused(weight):
    with pytest.raises(ValueError, match="`sample_weight`. Expected"):
        compiled(unbuilt()).fit(X, Y, sample_weight=weight, verbose=0)


def test_a_step_that_fails_says_why():
    class Broken(layers.Layer):
        def call(self, inputs, training=False):
            if training:
                raise RuntimeError("this layer is broken")
            return inputs

    model = dni.DecoupledModel([D(4), keras.Sequential([D(3)])], [S()])
    compiled(model)
    model.build((None, 6))
    model.modules[1].add(Broken())
    with pytest.raises(RuntimeError, match="this layer is broken"):
        model.fit(X, Y, verbose=0)


def test_layers_that_xla_cannot_compile_train_without_it():
    model = dni.DecoupledModel(
        [
            keras.Sequential([layers.RandomRotation(0.1), layers.Flatten()]),
            D(3),
        ],
        [S(num_classes=3)],
    )
    with pytest.warns(UserWarning, match="doesn't support `jit_compile=True`"):
        compiled(model, jit_compile="auto")
    losses = model.fit(IMAGES, Y, verbose=0).history["loss"]
    assert np.isfinite(losses).all()


def test_two_replicas_take_the_step_of_one():
    devices = tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([one.name for one in devices])
    with strategy.scope():
        model = unbuilt()
        with pytest.warns(UserWarning, match="steps one by one"):
            compiled(model, jit_compile="auto")
    data = helpers.data_set(X, Y)
    losses = model.fit(data, verbose=0, shuffle=False).history["loss"]
    assert np.isfinite(losses).all()


@pytest.mark.parametrize("name", ["modules", "interfaces"])
def test_lists_are_asked_for_by_name(name):
    arguments = {"modules": [D(3)], "interfaces": []} | {name: S()}
    with pytest.raises(ValueError, match=f"`{name}`. Expected a list"):
        dni.DecoupledModel(**arguments)


def test_a_module_with_two_outputs_is_refused():
    inputs = keras.Input((6,))
    two = keras.Model(inputs, [D(3)(inputs), D(3)(inputs)])
    with pytest.raises(ValueError, match="`modules`. Expected.*one tensor"):
        dni.DecoupledModel([two, D(3)], [None]).build((None, 6))


@pytest.mark.parametrize("make", [unbuilt, lambda: S(D(6), num_classes=3)])
def test_a_config_makes_as_many_copies_as_one_likes(make):
    config = make().get_config()
    one, other = (type(make()).from_config(config) for _ in range(2))
    for layer in (one, other):
        layer.build((None, 6))
    assert not {id(v) for v in one.variables} & {id(v) for v in other.variables}


@pytest.mark.parametrize("model", [keras.Sequential([D(3)]), unbuilt()])
def test_boundary_gradients_need_a_compiled_decoupled_model(model):
    with pytest.raises(ValueError, match="`model`. Expected a DecoupledModel"):
        dni.boundary_gradients(model, X, Y)


def test_boundary_gradients_need_arrays():
    data = helpers.data_set(X, Y)
    with pytest.raises(ValueError, match="`x`. Expected an array"):
        dni.boundary_gradients(compiled(unbuilt()), data, Y)
