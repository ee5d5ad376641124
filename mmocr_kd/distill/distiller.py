"""One distillation step: what every hook and wrapper does around a student's forward pass."""
from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any, Callable, Collection, Iterable, Mapping, Sequence

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from .auto_weight import AutoWeight
from .comparison import Comparison
from .finite import FiniteCheck
from .progress import Progress
from .recorder import Recorder, SourceLike
from .schedule import Schedule
from .teacher import Teacher

_SHARED = 'shared features'


@dataclass(frozen=True)
class Term:
    """One loss, and whom it asks.

    Args:
        loss: ``loss(student, teacher, third)``, of what the comparison makes; a dict of scalars.
        comparison: What it looks at.
        teacher: Who teaches; None for a loss that needs nobody (labels).
        schedule: When it counts, and how much.
        weight: Factor of its losses, or what finds one.
    """

    loss: nn.Module
    comparison: Comparison
    teacher: Teacher | None = None
    schedule: Schedule = field(default_factory=Schedule)
    weight: float | AutoWeight = 1.0

    @property
    def listening(self) -> dict[str, SourceLike]:
        """Name -> what is recorded of the student for it."""
        recorded = dict(self.comparison.student)
        return recorded | ({_SHARED: self.comparison.shared}
                           if isinstance(self.weight, AutoWeight) else {})

    def parameters(self) -> list[nn.Parameter]:
        """What of it is trained with the student: projectors, adaptors."""
        parts = [self.loss, self.comparison.adaptor]
        return [p for part in parts if part is not None for p in part.parameters()]


class Distiller:
    """Compares a student with its teachers, batch by batch.

    :meth:`begin` comes before the student's forward pass and :meth:`end` after it; :meth:`around`
    does both. The teachers run first because their activations are freed at once (lower peak
    memory) and because the annotations are still untouched then: MMOCR's DB loss moves polygons in
    place. (A student with a teacher who is ``late`` has to run on copies.) Each teacher runs once
    for a batch, and only if a term that is due asks for it; what several terms want is recorded
    once.

    Attributes:
        taught: Names of the losses that :meth:`end` gave of terms with a teacher; all others are
            the task.

    Args:
        terms: Name -> term.
        prefix: Of all names of losses.

    Raises:
        ValueError: If a term without a teacher is to be weighed against the task, which it is.
    """

    def __init__(self, terms: Mapping[str, Term], prefix: str = '') -> None:
        self.terms = dict(terms)
        for name, term in self.terms.items():
            if term.teacher is None and isinstance(term.weight, AutoWeight):
                raise ValueError(f"loss_weight='auto' of {name!r}: it needs no teacher, and is "
                                 'part of the task that others are weighed by; give a number')
        self.prefix = prefix
        self.teachers = list(dict.fromkeys(term.teacher for term in self.terms.values()
                                           if term.teacher is not None))
        self._listening = _Wanted((name, term.listening)
                                  for name, term in self.terms.items())
        self._asking = {teacher: _Wanted((name, term.comparison.teacher)
                                         for name, term in self.terms.items()
                                         if term.teacher is teacher) for teacher in self.teachers}
        self._recorder: Recorder | None = None
        self._step: _Step | None = None
        self._finite = FiniteCheck()
        self.taught: set[str] = set()
        self._owners: dict[str, str] = {}  # name of a loss -> the term that has it without prefix

    @property
    def attached(self) -> bool:
        """Whether a student is being listened to."""
        return self._recorder is not None

    @property
    def wanted(self) -> dict[Teacher, Mapping[str, SourceLike]]:
        """What each teacher is asked for, by the names under which it tells it."""
        return {teacher: wanted.things for teacher, wanted in self._asking.items()}

    def attach(self, student: nn.Module, listened: nn.Module | None = None) -> None:
        """Listen to ``student`` and bind the teachers to it.

        Args:
            student: The unwrapped model (no DDP around it).
            listened: The part of it that sources are looked for in; by default all.

        Raises:
            RecordingError: If a module to record does not exist, or a teacher cannot know what is
                asked of it.
        """
        self.detach()
        for term in self.terms.values():
            term.comparison.require_fitting()
        recorder = Recorder(student if listened is None else listened, self._listening.things)
        try:
            for teacher in self.teachers:
                teacher.bind(student, self._asking[teacher].things)
        except BaseException:
            recorder.remove()
            raise
        self._recorder = recorder

    def prepare_data(self, dataset: Any) -> bool:
        """See :meth:`Teacher.prepare_data`; of all teachers."""
        return any([teacher.prepare_data(dataset) for teacher in self.teachers])

    def detach(self) -> None:
        """Take all hooks off the student. May be called repeatedly."""
        if self._recorder is not None:
            self._recorder.remove()
        self._recorder = self._step = None

    def around(self, run: Callable[[], Mapping[str, Tensor]], inputs: Tensor,
               data_samples: Sequence[Any],
               known: Mapping[Teacher, dict[str, Any]] | None = None) -> dict[str, Tensor]:
        """Let the teachers look at a batch, then the student, and compare.

        Args:
            run: Runs the student on it; gives its own losses.
            inputs: See :meth:`begin`.
            data_samples: Likewise.
            known: Likewise.

        Returns:
            See :meth:`end`. Whatever fails, nothing is left behind.
        """
        if not self.begin(inputs, data_samples, known=known):
            return self.rest(run())
        try:
            return self.end(run())
        finally:
            self.forget()

    def ask(self, look: Callable[[Teacher], dict[str, Any]], data_samples: Sequence[Any],
            progress: Progress | None = None) -> dict[Teacher, dict[str, Any]]:
        """Run the teachers on a batch of which the student sees something else.

        Args:
            look: Calls one teacher with what it looks at.
            data_samples: Of that batch, for messages.
            progress: See :meth:`begin`.

        Returns:
            What those know that a due term asks: once it is changed to what the student sees,
            ``known`` for :meth:`begin`.

        Raises:
            TeacherOutputError: If a recording holds NaN or Inf; on a GPU :meth:`end` says so.
        """
        self.forget()
        self._remind()
        due = self._due(progress)
        known = {}
        for teacher in self.teachers:
            if not teacher.late and any(self.terms[name].teacher is teacher for name in due):
                known[teacher] = look(teacher)
                self._finite.watch_all(known[teacher], data_samples)
        return known

    def rest(self, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What :meth:`end` gives where there is nothing to compare.

        Args:
            own: Losses of the student itself.
        """
        return merge_losses(own, self._idle(()))

    def begin(self, inputs: Tensor, data_samples: Sequence[Any],
              progress: Progress | None = None,
              known: Mapping[Teacher, dict[str, Any]] | None = None) -> bool:
        """Run the teachers and note what the comparisons want to know of the batch.

        Args:
            inputs: The normalised batch the teachers look at, shape (N, 3, H, W).
            data_samples: N samples with ground truth; only read.
            progress: How far training is; by default what the running training says.
            known: What teachers said already, to :meth:`ask` or to another distiller that asked
                them the same.

        Returns:
            Whether any term is due; if not, nothing was done, and :meth:`end` is not to follow.

        Raises:
            TeacherOutputError: If a recording holds NaN or Inf; on a GPU :meth:`end` says so.
        """
        assert self._recorder is not None, 'attach() comes before begin()'
        finite = self._finite
        self.forget()
        self._remind()
        due = self._due(progress)
        if not due:
            return False
        self._step = _Step(due, inputs, data_samples, dict(known or {}), finite)
        self._ask(self._step, late=False)
        self._recorder.start()
        return True

    @property
    def known(self) -> dict[Teacher, dict[str, Any]]:
        """What teachers said of the batch that was begun."""
        return {} if self._step is None else self._step.known

    def end(self, own: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Compute the losses.

        Args:
            own: Losses of the student itself. With those of terms without a teacher they are the
                task, beside which ``AutoWeight`` weighs.

        Returns:
            Loss name -> scalar: the student's own, and those of the terms, times their weights.
            The first term that has a name keeps it; others put theirs in front of it. Terms that
            rest have a loss of 0 if they learn: DDP waits for gradients of all parameters.
            ``weight_<term>`` tells what ``AutoWeight`` found.

        Raises:
            TeacherOutputError: If student and teacher recordings differ in size, or the teacher's
                holds NaN or Inf (see :class:`.FiniteCheck`).
            RecordingError: If the student did not run, or nothing of it that learns led to what was
                recorded.
            ValueError: If the student has a loss of that name already, or there is no task.
        """
        assert self._recorder is not None and self._step is not None, 'begin() comes before end()'
        step, self._step = self._step, None
        ours = self._recorder.stop()
        self._ask(step, late=True)
        found = {name: self._compare(step, name, ours) for name in step.due}
        weights = {name: self.terms[name].weight for name in found}
        task = [own or {}, *(_times(losses, weights[name]) for name, losses in found.items()
                             if self.terms[name].teacher is None)]
        added: dict[str, Tensor] = {}
        for name, losses in found.items():
            weight = weights[name]
            if isinstance(weight, AutoWeight):
                weight = self._solve(weight, name, task, losses, ours)
                added[self._logged(name)] = torch.tensor(weight)
            added |= {self._named(name, key): value
                      for key, value in _times(losses, weight * step.due[name]).items()}
        step.finite.settle()
        return merge_losses(own or {}, added | self._idle(step.due))

    def forget(self) -> None:
        """Keep nothing of a batch whose step failed. May be called repeatedly."""
        self._step, self._finite = None, FiniteCheck()
        if self._recorder is not None:
            self._recorder.forget()

    def _due(self, progress: Progress | None) -> dict[str, float]:
        """Terms that count now, and by which weight."""
        weights = {name: term.schedule.weight_now(progress) for name, term in self.terms.items()}
        return {name: weight for name, weight in weights.items() if weight}

    def _idle(self, due: Collection[str]) -> dict[str, Any]:
        parameters = [p for name, term in self.terms.items() if name not in due
                      for p in term.parameters()]
        if not parameters:
            return {}
        return {f'{self.prefix}loss_idle': sum(p.sum() * 0 for p in parameters)}

    def _ask(self, step: _Step, late: bool) -> None:
        due = [self._key(name) for name in step.due]
        for teacher in self.teachers:
            if teacher.late == late and teacher not in step.known and any(
                    asked is teacher for _, asked in due):
                step.known[teacher] = teacher(step.inputs, step.data_samples)
                if not late:  # else it is as finite as its own losses
                    step.finite.watch_all(step.known[teacher], step.data_samples)
        for name, (comparison, asked) in zip(step.due, due):
            if (asked is not None and asked.late) == late and (comparison, asked) not in step.noted:
                step.noted[comparison, asked] = comparison.before(
                    step.inputs, step.data_samples, self._theirs(step, name))

    def _remind(self) -> None:
        """Models do not know their runner, and cannot judge their teachers themselves."""
        for teacher in self.teachers:
            if teacher.evaluate:
                teacher.evaluate = False
                print_log(f'a {type(teacher).__name__} has evaluate=True and was not judged: add '
                          "custom_hooks=[dict(type='EvaluateTeacherHook')]", 'current',
                          logging.WARNING)

    def _key(self, name: str) -> tuple[Comparison, Teacher | None]:
        return self.terms[name].comparison, self.terms[name].teacher

    def _theirs(self, step: _Step, name: str) -> dict[str, Any]:
        teacher = self.terms[name].teacher
        if teacher is None:
            return {}
        return self._asking[teacher].pick(name, step.known[teacher])

    def _compare(self, step: _Step, name: str, recorded: Mapping[str, Any]) -> dict[str, Tensor]:
        if (key := self._key(name)) not in step.seen:
            step.seen[key] = key[0].after(self._listening.pick(name, recorded),
                                          self._theirs(step, name), step.noted[key])
        return self.terms[name].loss(*step.seen[key])

    def _solve(self, weight: AutoWeight, name: str, task: list[Mapping[str, Tensor]],
               losses: Mapping[str, Tensor], recorded: Mapping[str, Any]) -> float:
        whole = [loss for part in task for loss in learnt(part)]
        if not whole:
            raise ValueError(f"loss_weight='auto' of {name!r} is a share of the task's gradient, "
                             'and there is no task: add a loss that needs no teacher '
                             '(HardLabelLoss), or give a number')
        shared = self._listening.pick(name, recorded)[_SHARED]
        return weight.step(self.prefix + name, whole, learnt(losses), shared)

    def _logged(self, term: str) -> str:
        # MMEngine would learn from whatever has 'loss' in its name.
        return f'{self.prefix}weight_{term.replace("loss", "term")}'

    def _named(self, term: str, key: str) -> str:
        """The name stays the same while others rest."""
        owner = self._owners.setdefault(key, term)
        name = self.prefix + (key if owner == term else f'{term}.{key}')
        if self.terms[term].teacher is not None:
            self.taught.add(name)
        return name


class _Step:
    """What is known of one batch.

    Args:
        due: Term -> its weight by the schedule.
        inputs: The batch.
        data_samples: Its samples.
        known: What teachers know of it.
        finite: Watches what they say.
    """

    def __init__(self, due: dict[str, float], inputs: Tensor, data_samples: Sequence[Any],
                 known: dict[Teacher, dict[str, Any]], finite: FiniteCheck) -> None:
        self.due = due
        self.inputs, self.data_samples = inputs, data_samples
        self.known = known
        self.finite = finite
        # What each comparison with a teacher noted before the student ran, and made after it.
        self.noted: dict[tuple[Comparison, Teacher | None], Any] = {}
        self.seen: dict[tuple[Comparison, Teacher | None], tuple[Any, Any, Any]] = {}


class _Wanted:
    """What several terms want to know, each thing once under one name.

    Args:
        terms: Names of the terms, and what each wants, by the name it has there.
    """

    def __init__(self, terms: Iterable[tuple[str, Mapping[str, SourceLike]]]) -> None:
        self.things: dict[str, SourceLike] = {}
        self._names = {term: {key: self._name(term, key, thing) for key, thing in wanted.items()}
                       for term, wanted in terms}

    def pick(self, term: str, known: Mapping[str, Any]) -> dict[str, Any]:
        """What one term wanted, by the names it has there; what was not found is left out."""
        return {key: known[name] for key, name in self._names[term].items() if name in known}

    def _name(self, term: str, key: str, thing: SourceLike) -> str:
        for name, known in self.things.items():
            if known == thing:
                return name
        name = key if key not in self.things else f'{term}.{key}'
        self.things[name] = thing
        return name


def merge_losses(own: Mapping[str, Tensor], added: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put distillation losses beside the student's own.

    Args:
        own: Losses of the student.
        added: Losses of the terms.

    Raises:
        ValueError: If a name occurs in both: one would silently replace the other.
    """
    shared = sorted(set(own) & set(added))
    if shared:
        raise ValueError(f'the student already has losses named {shared}: take either the hook or '
                         'the wrapper (both have several terms), or several hooks')
    return {**own, **added}


def _times(losses: Mapping[str, Tensor], weight: Any) -> dict[str, Tensor]:
    return {key: value * weight if _counts(key) else value for key, value in losses.items()}


def learnt(losses: Mapping[str, Any]) -> list[Tensor]:
    """The losses that MMEngine adds, some of them lists; what else is logged is left out."""
    values = [value for key, value in losses.items() if _counts(key)]
    return [loss for value in values
            for loss in (value if isinstance(value, (list, tuple)) else [value])]


def _counts(key: str) -> bool:
    """Whether MMEngine adds it to what is learnt; the rest is logged as it is."""
    return 'loss' in key
