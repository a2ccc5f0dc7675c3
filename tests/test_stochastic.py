import dni_lesson as dni

import helpers
import keras
import numpy as np
import pytest
from helpers import double_precision

__all__ = ["double_precision"]

X, Y = helpers.toy_data(96)
ALWAYS = 1 - 1e-9  # Drawn for, and always true.
NEVER = 1e-9


def mlp(p, **kwargs):
    return dni.mlp(3, 8, "cdni", 6, 3, update_probability=p, **kwargs)


def compiled(model, optimizer="adam", **kwargs):
    kwargs = {"jit_compile": False} | kwargs
    model.compile(optimizer, helpers.crossentropy(), **kwargs)
    return model


def fitted(model, epochs=2):
    model.fit(X, Y, 8, epochs, verbose=0, shuffle=False)
    return model


def state_of(model, k):
    """Returns all that an update of module `k` may change."""
    layers = [one for one in model.stages()[k] if one is not None]
    names = [v.path.replace("/", "_") for x in layers for v in x.variables]
    slots = [
        v for v in model.optimizer.variables if v.name.startswith(tuple(names))
    ]
    return [
        v.numpy()
        for v in [*slots, *(v for x in layers for v in x.trainable_variables)]
    ]


def same(one, other):
    return len(one) > 0 and all(map(np.array_equal, one, other))


@pytest.mark.parametrize(
    "optimizer, how",
    [("adam", {}), ("adamw", {"jit_compile": True}), ("nadam", {})],
)
def test_a_module_that_is_left_out_keeps_weights_and_slots(optimizer, how):
    """With zero gradients alone, Adam would move by its momentum."""
    model = fitted(compiled(mlp([1, 0.5, 1]), optimizer, **how))
    model.optimizer.probabilities[1] = NEVER
    model.make_train_function(force=True)
    before = [state_of(model, k) for k in range(3)]
    assert all(len(state) >= 6 for state in before)
    count = model.layer_updates
    fitted(model)
    kept = [same(before[k], state_of(model, k)) for k in range(3)]
    assert kept == [False, True, False]
    np.testing.assert_array_equal(model.layer_updates - count, [24, 0, 24])


@pytest.mark.parametrize("rule", ["adam", "nadam", "sgd"])
def test_a_module_that_is_always_drawn_trains_as_without_draws(
    double_precision, rule
):
    drawn, plain = (fitted(compiled(mlp(p), rule)) for p in (ALWAYS, 1))
    for one, other in zip(*map(helpers.weights, (drawn, plain)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(drawn.layer_updates, plain.layer_updates)


def test_with_probability_one_nothing_is_drawn():
    model = compiled(mlp([1, 1, 1]))
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    np.testing.assert_array_equal(model.layer_updates, [0, 0, 0])
    fitted(model)
    np.testing.assert_array_equal(model.layer_updates, [24, 24, 24])


def test_layer_updates_are_about_as_many_as_asked_for():
    model = fitted(compiled(mlp([0.8, 0.2, 1])), epochs=20)
    steps = int(model.optimizer.iterations)
    np.testing.assert_allclose(
        model.layer_updates / steps, [0.8, 0.2, 1], atol=0.12
    )


def test_modules_draw_each_for_itself():
    """Two with p = 1/2 are rarely updated at the same steps."""
    model = compiled(mlp(0.5), steps_per_execution=1)
    seen = []

    class Looks(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model.layer_updates)

    model.fit(X, Y, 8, 5, verbose=0, callbacks=[Looks()])
    updated = np.diff(seen, axis=0)
    for k in range(3):
        assert 0 < np.mean(updated[:, k] == updated[:, k - 1]) < 1


def test_draws_follow_the_seed():
    runs = [fitted(compiled(mlp(0.5, seed=seed))) for seed in (0, 0, 1)]
    helpers.assert_same_weights(*runs[:2])
    assert np.any(runs[0].layer_updates != runs[2].layer_updates)


def test_without_a_seed_draws_follow_that_of_keras():
    counts = []
    for seed in (0, 0, 1):
        keras.utils.set_random_seed(seed)
        modules = dni.mlp(3, 8, "cdni", 6, 3).modules
        model = dni.DecoupledModel(modules, [None, None], 0.5)
        counts.append(fitted(compiled(model)).layer_updates)
    np.testing.assert_array_equal(*counts[:2])
    assert np.any(counts[0] != counts[2])


def test_it_is_saved_and_trains_on_with_the_same_draws(tmp_path):
    model = fitted(compiled(mlp([0.5, 0.3, 0.9])))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.update_probability == [0.5, 0.3, 0.9]
    np.testing.assert_array_equal(loaded.layer_updates, model.layer_updates)
    for one in (model, loaded):
        fitted(one)
    helpers.assert_same_weights(model, loaded)
    np.testing.assert_array_equal(loaded.layer_updates, model.layer_updates)


def test_a_learning_rate_that_a_callback_sets_counts_for_all_modules():
    model = compiled(mlp(0.5))
    still = keras.callbacks.LearningRateScheduler(lambda epoch: 0.0)
    before = helpers.learnt(model)
    model.fit(X, Y, verbose=0, callbacks=[still])
    assert all(map(np.array_equal, before, helpers.learnt(model)))
    assert model.layer_updates.sum() > 0


def test_a_schedule_of_the_learning_rate_goes_by_a_modules_own_updates():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
        [9], [0.1, 0.0]
    )
    model = compiled(mlp([1, 0.5, 1]), keras.optimizers.SGD(schedule))
    model.fit(X, Y, 8, verbose=0, shuffle=False)  # 12 steps
    assert model.layer_updates[1] < 10
    before = [model.modules[k].get_weights()[0] for k in range(2)]
    fitted(model, 1)
    moved = [
        np.any(before[k] != model.modules[k].get_weights()[0]) for k in range(2)
    ]
    assert moved == [False, True]


def test_it_trains_in_half_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = compiled(mlp(0.5))
    finally:
        keras.config.set_dtype_policy("float32")
    before = helpers.learnt(model)
    losses = model.fit(X, Y, 8, 5, verbose=0, shuffle=False).history["loss"]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]
    assert any(map(np.any, map(np.subtract, before, helpers.learnt(model))))
    assert 0 < model.layer_updates.min() <= model.layer_updates.max() < 60


@pytest.mark.parametrize(
    "p", [0, -0.1, 1.5, "half", None, True, [0.5], [0.5, 0.5, 0], np.nan]
)
def test_a_probability_out_of_its_range_is_refused(p):
    with pytest.raises(ValueError, match="`update_probability`. Expected"):
        mlp(p)
    with pytest.raises(ValueError, match="`update_probability`. Expected"):
        dni.cnn(2, 4, update_probability=p)


def test_an_optimizer_that_scales_the_loss_by_itself_is_refused():
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    with pytest.raises(ValueError, match="`update_probability`. Below 1"):
        compiled(mlp(0.5), scaled)


def test_workers_refuse_it_before_training():
    model = compiled(mlp(0.5))
    with pytest.raises(ValueError, match="Expected update_probability=1"):
        dni.fit_async(model, X, Y)
