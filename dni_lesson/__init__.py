"""Decoupled Neural Interfaces for Keras: layers, monitors and lessons."""

import sys

# As a program (`python -m dni_lesson`) the package starts without TensorFlow:
# `lab` at once, and `doctor` where TensorFlow is missing or broken.
if sys.argv[:1] != ["-m"]:
    # First of all: it loads TensorFlow without its start-up lines.
    from dni_lesson import _quiet as _quiet
    from dni_lesson.backward import splice as splice
    from dni_lesson.callbacks import GradientMonitor as GradientMonitor
    from dni_lesson.callbacks import ThroughputMonitor as ThroughputMonitor
    from dni_lesson.data import load_digits as load_digits
    from dni_lesson.data import load_mnist as load_mnist
    from dni_lesson.exercises import check as check
    from dni_lesson.gradients import agreement as agreement
    from dni_lesson.gradients import boundary_gradients as boundary_gradients
    from dni_lesson.interfaces import Interface as Interface
    from dni_lesson.interfaces import SyntheticGradient as SyntheticGradient
    from dni_lesson.interfaces import ZeroPredictor as ZeroPredictor
    from dni_lesson.model import DecoupledModel as DecoupledModel
    from dni_lesson.networks import mlp as mlp
    from dni_lesson.workers import fit_async as fit_async
    from dni_lesson.workers import worker_devices as worker_devices
