"""The programs around the lessons: `lab` opens them, `doctor` finds faults."""
