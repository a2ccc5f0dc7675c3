"""The modules of a `DecoupledModel` at work at the same time.

`partition` says which modules go to which worker, a `Stage` compiles what a
worker does, a `Worker` knows when to do it, a `Mailbox` carries messages over
links that take time, `run_on_threads` runs the workers, and `fit_async` is the
one call that puts them together.
"""

from dni_lesson.workers.fit import fit_async as fit_async
from dni_lesson.workers.placement import worker_devices as worker_devices
