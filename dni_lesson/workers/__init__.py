"""The modules of a `DecoupledModel` at work at the same time.

`fit_async` is the one call. What it puts together can be had by itself: a
schedule by its name, `partition`, which says which modules go to which worker,
`Batches` and a plan, and a `Team`, which is compiled once and runs often.

    schedule = make_schedule("decoupled", queue_size=8)
    team = Team(model, partition(model, schedule, modules=2), schedule)
    batches = Batches(x, y, 64, schedule)
    plan = make_plan(schedule, epochs=1, per_epoch=batches.per_epoch)
    records = team.run(plan, batches)
"""

from dni_lesson.workers.advising import advise as advise
from dni_lesson.workers.batches import Batches as Batches
from dni_lesson.workers.devices import worker_devices as worker_devices
from dni_lesson.workers.fit import fit_async as fit_async
from dni_lesson.workers.history import AsyncHistory as AsyncHistory
from dni_lesson.workers.partition import partition as partition
from dni_lesson.workers.schedule import SCHEDULES as SCHEDULES
from dni_lesson.workers.schedule import make_plan as make_plan
from dni_lesson.workers.schedule import make_schedule as make_schedule
from dni_lesson.workers.sharing import cores_worth as cores_worth
from dni_lesson.workers.team import Team as Team
from dni_lesson.workers.worker import WorkerError as WorkerError
