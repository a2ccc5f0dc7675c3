"""Ray, started for the time of one call where the caller has not done so."""

import contextlib
import os
import socket

from dni_lesson.workers.interrupts import held_interrupts

import ray

PATIENCE = 5.0  # seconds until a cluster must answer


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
        where = host.strip("[]"), int(port)
        socket.create_connection(where, PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise ConnectionError(
            "`RAY_ADDRESS`. Expected the address of a Ray cluster that answers "
            f"within {PATIENCE} s. Received: RAY_ADDRESS={address!r}: {error}"
        ) from error
