"""When tasks run and messages arrive, for given costs and a given rule."""

from dni_lesson.schedules.rules import ARRIVED, ENDED, HEARD

# A free worker takes the first of these that is ready. Gradients go before new
# inputs: a local update then follows its forward pass at once.
_PRIORITY = ("backward", "predictor", "forward", "weights")


class Links:
    """When messages arrive: a link sends one at a time in each direction."""

    def __init__(self, delay, seconds):
        self.delay, self._seconds = delay, seconds  # to send one, by link
        self._free = {}

    def arrival(self, phase, k, end):
        """Returns when what module k sends at `end` is there."""
        link = k if phase == "forward" else k - 1
        if not 0 <= link < len(self._seconds):
            return end
        sent = max(end, self._free.get((phase, link), 0.0))
        self._free[phase, link] = sent = sent + self._seconds[link]
        return sent + self.delay


def simulate(lanes, jobs, duration, needs, links):
    """Yields `(phase, module, job, start, end)` in the order of the starts."""
    # A lane is what one module does in one phase, job after job. What can start
    # first runs next; what that makes possible starts later.
    lanes = sorted(lanes, key=lambda lane: _PRIORITY.index(lane[0]))
    next_job, known, ready = dict.fromkeys(lanes, 0), {}, {}
    free = {k: 0.0 for _, k in lanes}
    waiting = lanes
    while next_job:
        for lane in waiting:
            needed = list(needs(*lane, next_job[lane]))
            if all(one in known for one in needed):
                ready[lane] = max((known[one] for one in needed), default=0.0)
        lane = min(
            (lane for lane in lanes if lane in ready),
            key=lambda lane: max(ready[lane], free[lane[1]]),
        )
        (phase, k), j = lane, next_job[lane]
        start = max(ready.pop(lane), free[k])
        free[k] = end = start + duration(phase, k, j)
        yield phase, k, j, start, end
        known[ENDED, phase, k, j] = end
        known[HEARD, phase, k, j] = end + links.delay
        if phase in ("forward", "backward"):
            known[ARRIVED, phase, k, j] = links.arrival(phase, k, end)
        next_job[lane] += 1
        if next_job[lane] == jobs:
            del next_job[lane]
        # Only neighbours wait for what has just ended.
        waiting = [
            lane
            for lane in next_job
            if abs(lane[1] - k) < 2 and lane not in ready
        ]
