"""nbclient, but it does not stand still where a wake-up is lost.

For an Output widget nbclient sends to the kernel while it waits, on the same
socket, for the answer to a cell. ZeroMQ tells of an answer once, and sending
may take the news away: the answer is there, and nobody looks until the time for
the cell is over. So this client looks again every second.
"""

import queue
import time

import nbclient
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from traitlets import Type

SECONDS_BETWEEN_LOOKS = 1


class Channel(AsyncZMQSocketChannel):
    async def get_msg(self, timeout=None):
        deadline = time.monotonic() + (timeout or 0)
        while True:
            wait = SECONDS_BETWEEN_LOOKS
            if timeout is not None:
                wait = min(wait, max(deadline - time.monotonic(), 0))
            try:
                return await super().get_msg(wait)
            except queue.Empty:
                if timeout is not None and time.monotonic() >= deadline:
                    raise


class KernelClient(AsyncKernelClient):
    shell_channel_class = Type(Channel)


class LessonClient(nbclient.NotebookClient):
    def create_kernel_manager(self):
        manager = super().create_kernel_manager()
        manager.client_factory = KernelClient
        return manager
