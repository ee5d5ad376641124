import math
from dataclasses import replace

import golden
import pytest
import torch

from mmocr_kd.losses import (
    Labels,
    Reading,
    SoftLogitsLoss,
    k_best_paths,
    label_distribution,
    path_distribution,
)

GOLDEN = .5999928901194268


def value(student, teacher, labels, **fields):
    student, teacher = (x if isinstance(x, Reading) else Reading((x, )) for x in (student, teacher))
    (name, result), = SoftLogitsLoss(1., **fields)(student, teacher, labels).items()
    assert name == 'loss_logits' and result.dim() == 0
    return result


def words(count=3, steps=5, classes=4, spread=6., seed=0):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = spread * torch.randn(2, count, steps, classes, generator=generator,
                                            dtype=torch.float64)
    return student.requires_grad_(), teacher


def ctc_words():
    student, teacher = words(3, 7, 4)
    labels = Labels(torch.ones(3, 2, dtype=torch.long), torch.tensor([2, 1, 0]), None, 0,
                    frames=torch.tensor([7, 4, 1]))
    return student, teacher, labels


def word_by_word(student, teacher, end_idx, alpha=.2, threshold=.1, temperature=4., **fields):
    """The definition, one word and one step at a time."""
    total = 0.
    for ours, theirs in zip(student, teacher):
        p = (theirs / temperature).softmax(-1)
        paths = k_best_paths(p.log()[None], 6, 3, end_idx, **fields)
        q = path_distribution(paths, p.shape[-1], p.dtype)[0]
        share = alpha if paths.log_probs[0, 0].exp() >= threshold else 0.
        length, kl = int(paths.lengths[0, 0]), 0.
        for step in range(length):
            log_s = (ours[step] / temperature).log_softmax(-1)
            for k in range(p.shape[-1]):
                target = share * q[step, k].item() + (1 - share) * p[step, k].item()
                if target:
                    kl += target * (math.log(target) - max(log_s[k].item(), -10.))
        total += kl / length
    return total / len(student)


@pytest.mark.parametrize('end_idx', [0, 36])
def test_golden(end_idx):
    student, teacher, labels = golden.words(end_idx)
    assert value(student, teacher, labels).item() == pytest.approx(GOLDEN, abs=1e-9)
    singles = (Reading((r.logits[0].float(), )) for r in (student, teacher))
    assert value(*singles, labels).item() == pytest.approx(GOLDEN, abs=1e-5)
    word_level = value(student, teacher, labels, alpha=0.)
    assert word_level.item() == pytest.approx(.5554317974284819, abs=1e-9)


def test_the_whole_sum_over_steps_is_the_unused_official_branch():
    student, teacher, labels = golden.words()
    everything = replace(labels, lengths=torch.full((3, ), 26))
    mean = value(student, teacher, everything, alpha=0., mask_source='gt')
    assert 26 * mean.item() == pytest.approx(14.622876388065963, abs=1e-9)


@pytest.mark.parametrize('length_norm', ['div', 'none', 'mean_log'])
@pytest.mark.parametrize('end_idx', [None, 0, 3])
def test_equals_the_definition_word_by_word(length_norm, end_idx):
    student, teacher = words()
    expected = word_by_word(student, teacher, end_idx, length_norm=length_norm)
    result = value(student, teacher, golden.labels([2, 2, 5], 5, end_idx),
                   length_norm=length_norm)
    assert result.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize('mask_source', ['teacher_path', 'teacher_greedy', 'gt'])
@pytest.mark.parametrize('length_norm', ['div', 'none', 'mean_log'])
def test_an_autoregressive_decoder_reads_no_further_than_the_label(length_norm, mask_source):
    """As if each word had been cut behind its end token."""
    student, teacher = words(4, 6, 5)
    lengths = [1, 3, 4, 6]
    fields = {'length_norm': length_norm, 'mask_source': mask_source}
    labels = golden.labels(lengths, 6, autoregressive=True)
    each = [value(student[n:n + 1, :length], teacher[n:n + 1, :length],
                  golden.labels([length], length), **fields).item()
            for n, length in enumerate(lengths)]
    together = value(student, teacher, labels, **fields).item()
    assert together == pytest.approx(sum(each) / 4)
    further = value(student, teacher, golden.labels(lengths, 6), **fields).item()
    assert mask_source == 'gt' or together != pytest.approx(further)


def test_what_padding_says_takes_no_step_and_no_stress_from_a_word():
    """A teacher sure of three characters, unsure of the end; after it, it expects padding."""
    end, padding = 0, 5
    probs = torch.full((1, 8, 6), .02, dtype=torch.float64)
    probs[..., end] = .03
    probs[0, [0, 1, 2], [1, 2, 3]] = .9
    probs[0, 3] = torch.tensor([.05, .3, .3, .3, .05, 0.]) + 1e-9
    probs[0, 4:, padding] = .9
    student, teacher = words(1, 8, 6)[0], probs.log()
    labels = golden.labels([4], 8, end, not_read=(padding, ))
    result, free = (value(student, teacher, replace(labels, autoregressive=limit), temperature=1.,
                          alpha=0., length_norm='div').item() for limit in (True, False))
    log_s = student[0].log_softmax(-1)
    p = teacher[0].softmax(-1)
    steps = (p * (p.log() - log_s.clamp(min=-10))).sum(-1)
    assert result == pytest.approx(steps[:4].mean().item())
    assert free == pytest.approx(steps[:1].mean().item())  # cut after its first character
    opens = value(student, teacher, replace(labels, autoregressive=True), temperature=1.)
    assert opens.item() != pytest.approx(result)  # the gate of the best paths is open


def test_same_logits_and_no_paths_give_zero():
    _, teacher = words()
    labels = golden.labels([2, 3, 5], 5)
    assert value(teacher, teacher, labels, alpha=0.).item() == pytest.approx(0, abs=1e-12)
    assert value(teacher, teacher, labels, alpha=1., path_threshold=0.).item() > 0


def test_below_the_threshold_the_target_is_the_teachers_own():
    student, teacher = words(spread=1.)
    labels = golden.labels([2, 3, 5], 5, end_idx=3)
    soft = (teacher / 4).log_softmax(-1)
    best = k_best_paths(soft, 6, 3, 3).log_probs[:, 0].exp()
    alone = value(student, teacher, labels, alpha=0.).item()
    above, exactly = best.max().item() * 1.001, best.max().item() * .999
    assert value(student, teacher, labels, path_threshold=above).item() == alone
    assert value(student, teacher, labels, path_threshold=exactly).item() != alone


def test_mask_sources():
    # The teacher sees the end (class 0) at step 2, the label at step 3; the best path at step 1.
    teacher = torch.log(torch.tensor([[[.4, .6], [.55, .45], [.5, .5], [.5, .5]]]).double())
    student = torch.randn(1, 4, 2, dtype=torch.float64)
    labels = golden.labels([3], 4)
    p, log_s = teacher.exp()[0], student.log_softmax(-1)[0]
    steps = (p * (p.log() - log_s)).sum(-1)
    for source, length in (('teacher_path', 1), ('teacher_greedy', 2), ('gt', 3)):
        result = value(student, teacher, labels, temperature=1., alpha=0., mask_source=source)
        assert result.item() == pytest.approx(steps[:length].mean().item()), source
    over = value(student, teacher, golden.labels([9], 4), temperature=1., alpha=0.,
                 mask_source='gt')
    assert over.item() == pytest.approx(steps.mean().item())


def test_greedy_lengths_without_an_end_and_with_unreadable_classes():
    student, teacher = words(2, 4, 3)
    teacher[..., 2] += 50  # padding: no decoder may read it
    teacher[0, 1, 0] += 40  # so the first word ends at its second step
    teacher[..., 1] += 20
    labels = golden.labels([9, 4], 4, not_read=(2, ))
    greedy = value(student, teacher, labels, alpha=0., mask_source='teacher_greedy')
    expected = value(student, teacher, replace(labels, lengths=torch.tensor([2, 4])), alpha=0.,
                     mask_source='gt')
    assert greedy.item() == pytest.approx(expected.item())
    endless = value(student, teacher, replace(labels, end_idx=None), alpha=0.,
                    mask_source='teacher_greedy')
    everything = replace(labels, lengths=torch.tensor([4, 4]))
    assert endless.item() == pytest.approx(
        value(student, teacher, everything, alpha=0., mask_source='gt').item())


def test_unreadable_classes_are_on_no_path():
    student, teacher = words(2, 3, 5)
    labels = golden.labels([3, 3], 3, not_read=(4, ))
    log_probs = (teacher / 4).log_softmax(-1)
    paths = k_best_paths(log_probs, 6, 3, 0, (4, ))
    assert not (paths.classes == 4).any()
    q = path_distribution(paths, 5, torch.float64)
    target = .5 * q + .5 * log_probs.exp()
    kl = (torch.xlogy(target, target) - target * (student / 4).log_softmax(-1)).sum(-1)
    result = value(student, teacher, labels, alpha=.5, path_threshold=0., mask_source='gt')
    assert result.item() == pytest.approx(kl.mean().item())


def test_the_floor_limits_what_a_blind_student_costs():
    teacher = torch.tensor([[[0., 100.]]])
    student = torch.tensor([[[100., 0.]]], requires_grad=True)
    labels = golden.labels([1], 1)
    result = value(student, teacher, labels, temperature=1., alpha=0.)
    result.backward()
    assert result.item() == pytest.approx(10) and (student.grad == 0).all()
    for floor in (-50., -.5):
        moved = value(student, teacher, labels, temperature=1., alpha=0., log_floor=floor)
        assert moved.item() == pytest.approx(-floor)


def test_permutations_are_averaged():
    (a, teacher_a), (b, teacher_b) = words(seed=1), words(seed=2)
    for labels, fields in ((golden.labels([2, 3, 5], 5), {}),
                           (golden.labels([2, 3, 5], 5), {'mask_source': 'gt'})):
        mean = (value(a, teacher_a, labels, **fields) + value(b, teacher_b, labels, **fields)) / 2
        both = value(Reading((a, b)), Reading((teacher_a, teacher_b)), labels, **fields)
        assert both.item() == pytest.approx(mean.item())


def test_words_do_not_influence_each_other():
    student, teacher = words()
    labels = golden.labels([2, 3, 5], 5)
    each = [value(student[n:n + 1], teacher[n:n + 1], golden.labels([2], 5)).item()
            for n in range(3)]
    assert value(student, teacher, labels).item() == pytest.approx(sum(each) / 3)


def test_one_word_of_one_step():
    student, teacher = words(1, 1, 4)
    expected = word_by_word(student, teacher, 0)
    assert value(student, teacher, golden.labels([1], 1)).item() == pytest.approx(expected)


def test_an_unsure_teacher_gives_a_finite_loss():
    student = torch.randn(2, 26, 97, requires_grad=True)
    result = value(student, torch.zeros(2, 26, 97), golden.labels([3, 4], end_idx=96))
    result.backward()
    assert torch.isfinite(result) and torch.isfinite(student.grad).all()


@pytest.mark.parametrize('fields', [{}, {'alpha': 1., 'path_threshold': 0.},
                                    {'mask_source': 'gt'}, {'mask_source': 'teacher_greedy'}])
def test_gradient_passes_gradcheck_and_never_reaches_the_teacher(fields):
    student, teacher = words()
    teacher.requires_grad_()
    labels = golden.labels([2, 3, 5], 5)
    assert torch.autograd.gradcheck(lambda z: value(z, teacher, labels, **fields), (student, ))
    value(student, teacher, labels, **fields).backward()
    assert teacher.grad is None


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('ctc', [False, True])
def test_half_precision_is_computed_in_float32(dtype, ctc):
    if ctc:
        student, teacher, labels = ctc_words()
    else:
        (student, teacher), labels = words(), golden.labels([2, 3, 5], 5)
    student, teacher = (100 * student.detach()).to(dtype).requires_grad_(), teacher.to(dtype)
    with torch.autocast('cpu', torch.bfloat16):
        result = value(student, teacher, labels)
    exact = value(student.double(), teacher.double(), labels)
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(exact.item(), rel=1e-5)
    result.backward()
    assert torch.isfinite(student.grad).all()


def ctc_by_hand(student, teacher, frames, weights=None, share=0., q=None, temperature=4.):
    total = 0.
    for n, length in enumerate(frames):
        p = (teacher[n, :length] / temperature).softmax(-1)
        target = p if q is None else share[n] * q[n, :length] + (1 - share[n]) * p
        log_s = (student[n, :length] / temperature).log_softmax(-1)
        kl = (torch.xlogy(target, target) - target * log_s).sum(-1)
        w = torch.ones(length) if weights is None else weights[n, :length]
        total += (kl * w).sum().item() / w.sum().item()
    return total / len(frames)


def test_ctc_averages_over_valid_frames():
    student, teacher, labels = ctc_words()
    expected = ctc_by_hand(student, teacher, [7, 4, 1])
    for fields in ({}, {'mask_source': 'gt'}, {'branch': 1, 'length_norm': 'none'}):
        assert value(student, teacher, labels, alpha=0., **fields).item() == pytest.approx(expected)
    value(student, teacher, labels).backward()
    assert (student.grad[1, 4:] == 0).all() and (student.grad[0] != 0).all()


@pytest.mark.parametrize('epsilon', [0., .1, 1.])
def test_ctc_frames_can_weigh_by_what_is_not_blank(epsilon):
    student, teacher, labels = ctc_words()
    weights = 1 - teacher.softmax(-1)[..., 0] + epsilon
    expected = ctc_by_hand(student, teacher, [7, 4, 1], weights)
    result = value(student, teacher, labels, alpha=0., blank_weight=epsilon)
    assert result.item() == pytest.approx(expected)


def test_ctc_with_nothing_but_blanks_weighs_nothing():
    student, teacher, labels = ctc_words()
    teacher[..., 0] = 1e4
    result = value(student, teacher, labels, alpha=0., blank_weight=0.)
    result.backward()
    assert result.item() == 0 and (student.grad == 0).all()


@pytest.mark.parametrize('threshold', [0., .1, 1.])
def test_ctc_stresses_the_best_labels(threshold):
    student, teacher, labels = ctc_words()
    q, best = label_distribution((teacher / 4).log_softmax(-1), labels.frames, 0, 3)
    share = [.2 * (mass.exp().item() >= threshold) for mass in best]
    expected = ctc_by_hand(student, teacher, [7, 4, 1], share=share, q=q)
    result = value(student, teacher, labels, num_paths=3, path_threshold=threshold)
    assert result.item() == pytest.approx(expected)


def test_gradcheck_of_ctc():
    student, teacher = words(1, 4, 3)
    labels = Labels(torch.ones(1, 1, dtype=torch.long), torch.tensor([1]), None, 0,
                    frames=torch.tensor([3]))
    assert torch.autograd.gradcheck(
        lambda z: value(z, teacher, labels, path_threshold=0., blank_weight=.1), (student, ))


@pytest.mark.parametrize(('field', 'wrong'), [
    ('loss_weight', 0), ('temperature', -1), ('alpha', 1.5), ('alpha', math.nan),
    ('path_threshold', -.1), ('num_paths', 0), ('num_paths', 2.5), ('branch', 0),
    ('length_norm', 'mul'), ('mask_source', 'label'), ('log_floor', 0.), ('log_floor', -math.inf),
    ('blank_weight', 2.),
])
def test_wrong_fields(field, wrong):
    with pytest.raises(ValueError, match=field):
        SoftLogitsLoss(**{field: wrong})


def test_wrong_readings():
    student, teacher = words()
    labels = golden.labels([2, 3, 5], 5)
    with pytest.raises(ValueError, match=r'\(3, 5, 4\).*\(3, 5, 3\)'):
        value(student, teacher[..., :3], labels)
    with pytest.raises(ValueError, match='2 logits, the teacher 1'):
        value(Reading((student, student)), teacher, labels)
    with pytest.raises(ValueError, match='labels.frames'):
        value(student, teacher, golden.labels([2, 3, 5], 5, None, blank_idx=0))
