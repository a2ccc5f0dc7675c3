"""Interactive pictures of the lessons."""

from dni_lesson.extras import needs

with needs("course", "Panels are made of ipywidgets"):
    import ipywidgets as ipywidgets

from dni_lesson.panels.claim import ClaimPanel as ClaimPanel
from dni_lesson.panels.gradient import GradientPanel as GradientPanel
from dni_lesson.panels.locking import LockingPanel as LockingPanel
from dni_lesson.panels.prediction import PredictionPanel as PredictionPanel
from dni_lesson.panels.race import RacePanel as RacePanel
from dni_lesson.panels.speedup import SpeedupPanel as SpeedupPanel
from dni_lesson.panels.story import StoryPanel as StoryPanel
from dni_lesson.panels.unrolled import UnrolledPanel as UnrolledPanel
