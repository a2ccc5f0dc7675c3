"""When which module works: timetables, their speed, where to cut a network.

Arithmetic alone: nothing here knows Keras, threads or pictures.
"""

from dni_lesson.schedules.cuts import best_cut as best_cut
from dni_lesson.schedules.cuts import join as join
from dni_lesson.schedules.cuts import split as split
from dni_lesson.schedules.forecast import forecast as forecast
from dni_lesson.schedules.memory import Held as Held
from dni_lesson.schedules.memory import held as held
from dni_lesson.schedules.speed import CLAIM as CLAIM
from dni_lesson.schedules.speed import at_once as at_once
from dni_lesson.schedules.speed import fewest_workers as fewest_workers
from dni_lesson.schedules.speed import idle_fraction as idle_fraction
from dni_lesson.schedules.speed import max_speedup as max_speedup
from dni_lesson.schedules.speed import mean_costs as mean_costs
from dni_lesson.schedules.speed import needed_delay as needed_delay
from dni_lesson.schedules.speed import staleness as staleness
from dni_lesson.schedules.speed import step_time as step_time
from dni_lesson.schedules.stragglers import stragglers as stragglers
from dni_lesson.schedules.timetable import Event as Event
from dni_lesson.schedules.timetable import timetable as timetable
