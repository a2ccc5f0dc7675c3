"""The ends of epochs: where every part of a network was when one was over.

Workers are not at one place at the same time. What callbacks are to see, the
weights at the end of an epoch, is therefore put together from what each worker
had when it was there.
"""

from dni_lesson.workers.placement import weights_of


class EpochEnds:
    """Looks out for the ends of epochs in the work of one worker.

    A part is there after as many updates as there were mini-batches. So is its
    predictor, which is updated later, when gradients have come back.

    Args:
        stage: `LowerStage` or `TopStage`.
        plan: `Plan`.
        tell: Function of the number of mini-batches at the end of an epoch and
            of the weights, as from `weights_of`.
    """

    def __init__(self, stage, plan, tell):
        self._plan, self._tell, self._kept = plan, tell, {}
        part = stage.part
        self._halves = [part]
        if stage.learns_to_predict:
            self._halves = [
                part._replace(interface=None),
                part._replace(modules=[], inner=[]),
            ]
        self._seen = [plan.first // plan.report_every] * 2

    def look(self, *updates):
        """Looks whether an end is reached.

        Args:
            *updates: Two integers, of the part and of its predictor.
        """
        every = self._plan.report_every
        for place, half in enumerate(self._halves):
            epoch, rest = divmod(self._plan.first + updates[place], every)
            if rest == 0 and epoch > self._seen[place]:
                self._seen[place] = epoch
                self._kept[epoch, place] = weights_of(half)
                self._tell_if_whole(epoch)

    def _tell_if_whole(self, epoch):
        places = range(len(self._halves))
        if all((epoch, place) in self._kept for place in places):
            weights = [self._kept.pop((epoch, place)) for place in places]
            self._tell(epoch * self._plan.report_every, sum(weights, []))


class Gathering:
    """Puts the news of all workers about an epoch's end together.

    Args:
        plan: `Plan`.
        workers: Integer, how many there are.
    """

    def __init__(self, plan, workers):
        self._needed = range(1, workers + 1) if plan.holds else ()
        self._losses, self._weights = {}, {}

    def add_losses(self, minibatches, losses):
        self._losses[minibatches] = losses

    def add_weights(self, minibatches, number, weights):
        self._weights.setdefault(minibatches, {})[number] = weights

    def whole(self):
        """Yields what has become whole: the number of mini-batches, their
        losses, and a list of the weights of each part, empty if there is
        nobody to look at them."""
        for minibatches in sorted(self._losses):
            found = self._weights.get(minibatches, {})
            if all(number in found for number in self._needed):
                losses = self._losses.pop(minibatches)
                self._weights.pop(minibatches, None)
                weights = [found[number] for number in self._needed]
                yield minibatches, losses, weights
