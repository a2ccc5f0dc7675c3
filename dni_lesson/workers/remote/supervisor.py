"""The actors of one run: started, looked after, started again.

Without a cluster Ray is started on this machine for the time of the call. With
one, `ray.init(address=...)` before the call or the environment variable
`RAY_ADDRESS` says where it is.
"""

import contextlib
import os
import socket

from dni_lesson.workers.history import EpochParts, joined
from dni_lesson.workers.remote.actor import (
    ModuleActor,
    Snapshot,
    check_loadable,
    make_specs,
)
from dni_lesson.workers.remote.interrupts import held_interrupts
from dni_lesson.workers.stage import rate_of
from dni_lesson.workers.worker import KEPT, WorkerError, check_progress

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
CLUSTER_PATIENCE = 5.0  # seconds until a cluster must answer


def supervise(model, parts, plan, batches, on_epoch_end):
    """Trains and returns the list of `Record`, see `train_on_ray`."""
    check_loadable(model)
    with started():
        supervisor = Supervisor(model, parts, plan, batches)
        try:
            supervisor.start()
            supervisor.run(on_epoch_end)
            return supervisor.records()
        except Killed as killed:
            raise WorkerError(
                killed.number,
                "was killed before or after training. Updates since its last "
                "snapshot are lost",
            ) from killed
        finally:
            supervisor.end()


@contextlib.contextmanager
def started():
    """Gives a context with Ray: the caller's, or one that ends with it.

    Raises:
        ConnectionError: If nobody answers at the address in `RAY_ADDRESS`.
    """
    if ray.is_initialized():
        yield
        return
    # By itself Ray would look for a cluster that `ray start` has left here, and
    # wait long for one that is gone.
    address = os.environ.get("RAY_ADDRESS") or "local"
    _check_answers(address)
    # Nobody is told that Ray is used.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        with held_interrupts():
            ray.init(address, log_to_driver=False, logging_level="ERROR")
        yield
    finally:
        ray.shutdown()


def _check_answers(address):
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return  # It is a word, such as "auto".
    try:
        place = host.strip("[]"), int(port)
        socket.create_connection(place, CLUSTER_PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise ConnectionError(
            "`RAY_ADDRESS`. Expected the address of a Ray cluster that answers "
            f"within {CLUSTER_PATIENCE} s. Received: RAY_ADDRESS={address!r}: "
            f"{error}"
        ) from error


def nodes_for(parts, nodes):
    """Returns where actors go: a node for each part, and GPUs for each, 0 or 1.

    Neighbours share a machine if they must share: messages are cheaper.

    Args:
        parts: Integer >= 1.
        nodes: List of dicts, as from `ray.nodes`.
    """
    alive = sorted(
        (node for node in nodes if node["Alive"]),
        key=lambda node: node["NodeID"],
    )
    with_gpu = [
        node["NodeID"]
        for node in alive
        for _ in range(int(node["Resources"].get("GPU", 0)))
    ]
    if len(with_gpu) >= parts:
        return with_gpu[:parts], 1
    names = [node["NodeID"] for node in alive]
    return [names[k * len(names) // parts] for k in range(parts)], 0


class Killed(Exception):
    """The process of an actor has ended."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


class Supervisor:
    """The actors of one run, by the number of their part.

    Args:
        model, parts, plan, batches: As in `train_on_ray`.
    """

    # A restart. The second of three modules is killed, X, while it works on
    # mini-batch 6; its last snapshot is from after mini-batch 3:
    #
    #   module 1    1  2  3  4  5  6  7       6  7  8 ...   repeats 6 and 7
    #   module 2    1  2  3# 4  5  X          6  7  8 ...   has lost 4 and 5
    #   module 3    1  2  3  4  5             6  7  8 ...
    #               before                    after
    #
    # Messages under way are lost with a module, so all go on with the
    # mini-batch that is the next for the living module that is least far. Who
    # lives keeps what it has learnt. A new generation begins: messages of the
    # one before, which may still arrive, are dropped.

    def __init__(self, model, parts, plan, batches):
        self._model, self._parts, self._plan = model, parts, plan
        self._generation, self._restarts = 0, 0
        self._numbers = range(1, len(parts) + 1)
        self._nodes, self._gpus = nodes_for(len(parts), ray.nodes())
        self._specs = make_specs(model, parts, plan, batches, self._nodes)
        self._actors, self._snapshots, self._first = {}, {}, 0
        self._records = {number: [] for number in self._numbers}
        self._lost = dict.fromkeys(self._numbers, 0)
        self._repeated = dict.fromkeys(self._numbers, 0)
        self._epochs = EpochParts(plan, len(parts))
        self._last_weights = {}

    def start(self):
        for number in self._numbers:
            self._make(number)
        for number in self._numbers:
            self._get_ready(number)
            state = self._ask(number, "final_state")
            self._snapshots[number] = Snapshot(0, state)

    def run(self, on_epoch_end):
        """Works until all is done, whoever may be killed."""
        dead = set()
        while True:
            try:
                if dead:
                    self._first = self._recover(dead)
                self._attend(on_epoch_end)
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
            # Who is not yet ready has nothing to tell, and is not waited for.
            if number in self._snapshots:
                weights = self._final_state(number)[1]
                self._parts[number - 1].set_weights(weights)
            ray.kill(actor)

    def _final_state(self, number):
        weights = self._last_weights.get(number)
        try:
            self._stop(number)
            return self._ask(number, "final_state", weights)
        except (Killed, WorkerError, RayTaskError):
            return self._snapshots[number].state

    def _make(self, number):
        # To start again anywhere is better than not at all: its machine may be
        # gone. At first Ray must not choose another one.
        snapshot = self._snapshots.get(number)
        place = NodeAffinitySchedulingStrategy(
            self._nodes[number - 1], soft=snapshot is not None
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
            .remote(self._specs[number - 1], snapshot and snapshot.state)
        )

    def _get_ready(self, number):
        try:
            ray.get(self._actors[number].ready.remote(), timeout=START_PATIENCE)
        except RayError as error:
            if number in self._snapshots and isinstance(error, RayActorError):
                raise Killed(number) from error  # It may start once more.
            raise WorkerError(number, f"could not start: {error}") from error

    def _ask(self, number, method, *arguments):
        """Returns the answer of an actor."""
        call = getattr(self._actors[number], method).remote(*arguments)
        try:
            return ray.get(call, timeout=PATIENCE + self._plan.step_timeout)
        except GetTimeoutError as error:
            raise WorkerError(
                number,
                "does not answer. Updates since its last snapshot are lost",
            ) from error
        except RayTaskError:
            raise
        except RayError as error:
            raise Killed(number) from error

    def _attend(self, on_epoch_end):
        """Starts all actors and looks after them until they are done."""
        self._generation += 1
        running = {
            self._actors[number].run.remote(
                self._first,
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
            check_progress(
                [self._take_news(number) for number in self._numbers],
                self._plan.step_timeout,
            )
            for epoch in self._epochs.whole():
                if self._tell(*epoch, on_epoch_end):
                    for number in self._numbers:
                        self._stop(number)
                    break

    def _tell(self, minibatches, losses, weights, on_epoch_end):
        """Tells of an epoch, with the weights of its end in the model."""
        if not self._plan.watched:
            return on_epoch_end(minibatches, losses)
        for part, values in zip(self._parts, weights, strict=True):
            part.set_weights(values)
        if on_epoch_end(minibatches, losses):
            self._last_weights = dict(enumerate(weights, 1))
            return True
        # Who was killed just now is noticed at the next look.
        rate = rate_of(self._model)
        for number in self._numbers if rate is not None else ():
            with contextlib.suppress(Killed):
                self._ask(number, "follow", rate)
        with contextlib.suppress(Killed):
            until = self._plan.end_after(minibatches)
            self._ask(1, "go_on", self._generation, until)
        return False

    def _look_at_end(self, number, call):
        try:
            ray.get(call)
        except RayTaskError as error:
            raise WorkerError(
                number, f"raised {error.cause}. {KEPT}"
            ) from error
        except RayError as error:
            raise Killed(number) from error

    def _take_news(self, number):
        """Keeps what has happened in an actor; see `check_progress`."""
        epochs, snapshot, busy, idle = self._ask(number, "news")
        if snapshot:
            self._snapshots[number] = snapshot
        for epoch in epochs:
            self._epochs.add(number, *epoch)
        return number, busy, idle

    def _recover(self, dead):
        """Starts killed actors again; returns from where all go on."""
        self._restarts += 1
        if self._restarts > RESTARTS:
            raise WorkerError(
                min(dead),
                f"was killed after {RESTARTS} restarts. Its weights are those "
                "of its last snapshot",
            )
        alive = [number for number in self._numbers if number not in dead]
        positions = {number: self._stop(number) for number in alive}
        of_dead = {number: self._snapshots[number].position for number in dead}
        first = min((positions or of_dead).values())
        for number in dead:
            self._make(number)
        for number in dead:
            self._get_ready(number)
        for number, position in {**positions, **of_dead}.items():
            self._lost[number] += max(first - position, 0)
            self._repeated[number] += max(position - first, 0)
        for number in dead:
            _, state, record = self._snapshots[number]
            self._records[number] += [record] if record else []
            self._snapshots[number] = Snapshot(first, state)
        dead.clear()
        return first

    def _stop(self, number):
        """Returns after how many mini-batches the actor has stopped."""
        timeout = self._plan.step_timeout
        position = self._ask(number, "stop", self._generation, timeout)
        return self._first if position is None else position
