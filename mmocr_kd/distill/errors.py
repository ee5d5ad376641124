"""What can go wrong while distilling, one exception per cause."""


class RecordingError(RuntimeError):
    """A module to record does not exist, was not run, ran twice, or gave no tensor."""


class CheckpointError(ValueError):
    """A checkpoint cannot be read or does not fit its config."""


class TeacherOutputError(RuntimeError):
    """A teacher's recording cannot be learnt from: NaN, Inf, or another size than the student's."""


class InheritanceError(RuntimeError):
    """A student's weights and its teacher's differ in more than they are allowed to."""
