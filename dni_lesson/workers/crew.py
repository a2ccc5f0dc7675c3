"""The actors of one run: started, looked after, started again."""

import contextlib
import math

from dni_lesson.workers.actor import ModuleActor, Snapshot
from dni_lesson.workers.brief import make_briefs
from dni_lesson.workers.ends import Gathering
from dni_lesson.workers.job import (
    WorkerError,
    joined,
    waiting_for_each_other,
)
from dni_lesson.workers.placement import set_weights_of
from dni_lesson.workers.places import places

import ray
from ray.exceptions import (
    GetTimeoutError,
    RayActorError,
    RayError,
    RayTaskError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

RESTARTS = 3  # of all actors together, in one run
LOOK_EVERY = 0.5  # seconds
PATIENCE = 30.0  # seconds for an answer that takes no computing
START_PATIENCE = 900.0  # seconds until an actor has started and compiled


class Killed(Exception):
    """The process of an actor has ended."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


class Crew:
    """The actors of one run, by the number of their part."""

    def __init__(self, job):
        self._job, self._generation, self._restarts = job, 0, 0
        self._numbers = range(1, len(job.parts) + 1)
        self._nodes, self._gpus = places(ray.nodes(), len(job.parts))
        self._briefs = make_briefs(job, self._nodes)
        self._actors, self._snapshots, self._first = {}, {}, 0
        self._records = {number: [] for number in self._numbers}
        self._lost = dict.fromkeys(self._numbers, 0)
        self._repeated = dict.fromkeys(self._numbers, 0)
        self._ends = Gathering(job.plan, len(job.parts))
        self._idle, self._last = {}, {}

    def start(self):
        for number in self._numbers:
            self._make(number)
        for number in self._numbers:
            self._get_ready(number)
            self._snapshots[number] = Snapshot(0, self._ask(number, "state"))

    def run(self, on_report):
        """Works until all is done, whoever may be killed."""
        plan, dead = self._job.plan, set()
        while True:
            try:
                if dead:
                    self._first = self._recover(dead)
                    plan = plan._replace(first=self._first)
                self._attend(plan, on_report)
                return
            except Killed as killed:
                dead.add(killed.number)

    def records(self):
        """Returns one `Record` for each module."""
        return [
            joined(
                self._records[number] + self._ask(number, "records")
            )._replace(lost=self._lost[number], repeated=self._repeated[number])
            for number in self._numbers
        ]

    def end(self):
        """Brings the weights into the model and ends the actors."""
        for number, actor in self._actors.items():
            known = self._snapshots.get(number)
            # Who is not yet ready has nothing to tell, and is not waited for.
            if known:
                weights = self._last_state(number, known.state)[1]
                set_weights_of(self._job.parts[number - 1], weights)
            ray.kill(actor)

    def _last_state(self, number, known):
        try:
            self._stop(number)
            if number in self._last:
                self._ask(number, "set_weights", self._last[number])
            return self._ask(number, "state")
        except (Killed, WorkerError, RayTaskError):
            return known

    def _make(self, number):
        # To start again anywhere is better than not at all: its machine may be
        # gone. At first Ray must not choose another one.
        restarts = number in self._snapshots
        place = NodeAffinitySchedulingStrategy(
            self._nodes[number - 1], soft=restarts
        )
        self._actors[number] = (
            ray.remote(ModuleActor)
            .options(
                # One thread works, others take messages and questions.
                max_concurrency=8,
                num_cpus=0,
                num_gpus=self._gpus,
                scheduling_strategy=place,
            )
            .remote(self._briefs[number - 1])
        )

    def _get_ready(self, number):
        try:
            ray.get(self._actors[number].ready.remote(), timeout=START_PATIENCE)
        except RayError as error:
            if number in self._snapshots and isinstance(error, RayActorError):
                raise Killed(number) from error  # It may start once more.
            raise WorkerError(
                f"Module {number} could not start: {error}", number
            ) from error

    def _ask(self, number, what, *arguments):
        """Returns the answer of an actor."""
        call = getattr(self._actors[number], what).remote(*arguments)
        try:
            return ray.get(call, timeout=PATIENCE + self._job.step_timeout)
        except GetTimeoutError as error:
            raise WorkerError(
                f"Module {number} does not answer. Updates since its last "
                "snapshot are lost",
                number,
            ) from error
        except RayTaskError:
            raise
        except RayError as error:
            raise Killed(number) from error

    def _attend(self, plan, on_report):
        """Starts all actors and looks after them until they are done."""
        self._generation += 1
        running = {
            self._actors[number].run.remote(
                plan,
                self._generation,
                self._actors.get(number - 1),
                self._actors.get(number + 1),
            ): number
            for number in self._numbers
        }
        while running:
            ended, _ = ray.wait(list(running), timeout=LOOK_EVERY)
            for call in ended:
                self._look_at_end(running.pop(call), call)
            for number in self._numbers:
                self._news(number)
            self._look_for_waiting()
            whole = self._ends.whole()
            if any(self._report(*told, on_report) for told in whole):
                for number in self._numbers:
                    self._stop(number)

    def _report(self, minibatches, losses, weights, on_report):
        """Tells of an epoch, with the weights of its end in the model."""
        for part, its in zip(self._job.parts, weights, strict=False):
            set_weights_of(part, its)
        if on_report(minibatches, losses):
            self._last = dict(enumerate(weights, 1))
            return True
        if not weights:
            return False
        # Who was killed just now is noticed at the next look.
        rate = self._job.learning_rate()
        for number in self._numbers if rate is not None else ():
            with contextlib.suppress(Killed):
                self._ask(number, "follow", rate)
        with contextlib.suppress(Killed):
            until = self._job.plan.end_after(minibatches)
            self._ask(1, "go_on", self._generation, until)
        return False

    def _look_at_end(self, number, call):
        try:
            ray.get(call)
        except RayTaskError as error:
            raise WorkerError(
                f"Module {number} raised {error.cause}. Updates that were "
                "finished are kept in the model",
                number,
            ) from error
        except RayError as error:
            raise Killed(number) from error

    def _news(self, number):
        """Keeps what an actor tells, and returns it."""
        news = self._ask(number, "news")
        if news.snapshot:
            self._snapshots[number] = news.snapshot
        for told in news.losses:
            self._ends.add_losses(*told)
        for minibatches, weights in news.weights:
            self._ends.add_weights(minibatches, number, weights)
        self._idle[number] = news.idle
        if news.busy > self._job.step_timeout:
            raise WorkerError(
                f"Module {number} hangs: a call has not returned for "
                f"step_timeout={self._job.step_timeout} s. Updates that were "
                "finished are kept in the model",
                number,
            )
        return news

    def _look_for_waiting(self):
        limit, (number, idle) = (
            self._job.step_timeout,
            min(self._idle.items(), key=lambda one: one[1]),
        )
        if limit < idle < math.inf:
            raise waiting_for_each_other(number, limit)

    def _recover(self, dead):
        """Starts killed actors again; returns from where all go on.

        Messages under way are lost with them, so all go back to the mini-batch
        that is the next for whoever is least far.
        """
        self._restarts += 1
        if self._restarts > RESTARTS:
            raise WorkerError(
                f"Module {min(dead)} was killed after {RESTARTS} restarts. Its "
                "weights are those of its last snapshot",
                min(dead),
            )
        alive = [number for number in self._numbers if number not in dead]
        for number in alive:
            self._stop(number)
        positions = {number: self._position(number) for number in alive}
        known = {number: self._snapshots[number].position for number in dead}
        first = min((positions or known).values())
        for number in dead:
            self._make(number)
        for number in dead:
            self._get_ready(number)
            self._ask(number, "set_state", self._snapshots[number].state)
        for number, position in {**positions, **known}.items():
            self._lost[number] += max(first - position, 0)
            self._repeated[number] += max(position - first, 0)
        for number in dead:
            state, record = self._snapshots[number][1:]
            self._records[number] += [record] if record else []
            self._snapshots[number] = Snapshot(first, state)
        dead.clear()
        return first

    def _position(self, number):
        known = self._ask(number, "position", self._generation)
        return self._first if known is None else known

    def _stop(self, number):
        self._ask(number, "stop", self._generation, self._job.step_timeout)
