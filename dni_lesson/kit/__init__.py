"""The programs around the lessons: `lab` opens them, `doctor` finds faults."""

from dni_lesson.data import REPOSITORY as REPOSITORY
