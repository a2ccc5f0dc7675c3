"""Pictures of runs, gradients, timetables and speed: data in, axes out.

Every function draws on the axes that it is given, or on the current ones, and
returns them. None trains, none calls `pyplot.show`.
"""

from dni_lesson.extras import needs

with needs("course", "Plots are drawn by Matplotlib"):
    import matplotlib as matplotlib

from dni_lesson.plots.diagrams import draw_backprop as draw_backprop
from dni_lesson.plots.diagrams import draw_decoupled as draw_decoupled
from dni_lesson.plots.gradients import plot_agreement as plot_agreement
from dni_lesson.plots.gradients import plot_gradient_pair as plot_gradient_pair
from dni_lesson.plots.gradients import plot_maps as plot_maps
from dni_lesson.plots.png import show as show
from dni_lesson.plots.runs import plot_currencies as plot_currencies
from dni_lesson.plots.runs import plot_digits as plot_digits
from dni_lesson.plots.runs import plot_runs as plot_runs
from dni_lesson.plots.speedup import plot_bounds as plot_bounds
from dni_lesson.plots.speedup import plot_chain as plot_chain
from dni_lesson.plots.speedup import (
    plot_gain_against_delay as plot_gain_against_delay,
)
from dni_lesson.plots.speedup import plot_gains_foretold as plot_gains_foretold
from dni_lesson.plots.speedup import plot_late_gradients as plot_late_gradients
from dni_lesson.plots.speedup import (
    plot_seconds_to_error as plot_seconds_to_error,
)
from dni_lesson.plots.speedup import (
    plot_speed_against_p as plot_speed_against_p,
)
from dni_lesson.plots.speedup import (
    plot_speed_against_width as plot_speed_against_width,
)
from dni_lesson.plots.style import COLORS as COLORS
from dni_lesson.plots.style import SCHEDULES as SCHEDULES
from dni_lesson.plots.style import looks as looks
from dni_lesson.plots.timetable import plot_timetable as plot_timetable
from dni_lesson.plots.unrolled import draw_unrolled as draw_unrolled
