"""Arms with one module per GPU, where a machine has several."""

from dni_lesson.costs import step_macs
from dni_lesson.experiments.arms import Arm
from dni_lesson.updates import learning_layers
from dni_lesson.workers import Team, make_schedule, partition


class PlacedSteps(Arm):
    """Every layer at every iteration, each module on a device of its own.

    The modules are called one after the other, but on GPUs a call returns
    before its work is done. So whatever waits for nothing runs at the same
    time: updates with synthetic gradients do, true gradients wait. Placing has
    its price, a call for each pass of each module, so these arms stand beside
    those on one device and not for them.

    Args:
        model: `DecoupledModel`, compiled.
        devices: List of TensorFlow device names, taken in turn.
    """

    def __init__(self, model, devices):
        super().__init__(model, step_macs(model), [], [])
        self._layers = learning_layers(model)
        self._decoupled = any(one is not None for one in model.interfaces)
        schedule = make_schedule("decoupled" if self._decoupled else "locked")
        parts = partition(model, schedule)
        devices = [devices[k % len(devices)] for k in range(len(parts))]
        self._team = Team(model, parts, schedule, devices)

    def compile_steps(self, x, y):
        self._team.compile([(x, y)])

    def step(self, x, y):
        *below, top = self._team.stages
        held, h = [], x
        for stage in below:
            with stage.on_device():
                out, residuals = stage.forward(h, y)
            held.append((stage, residuals, out))
            h = out
        with top.on_device():
            _, g = top.update(h, y)
        for stage, residuals, out in reversed(held):
            with stage.on_device():
                g = self._learn(stage, residuals, out, y, g)
        return self._layers

    def _learn(self, stage, residuals, out, y, g):
        """Updates a part; returns what it sends down."""
        if not self._decoupled:
            return stage.update(residuals, g)
        below = stage.update_synthetic(residuals, out, y)
        if stage.learns_to_predict:
            stage.train_predictor(out, y, g)
        return below

    def finish(self):
        self._team.finish()
