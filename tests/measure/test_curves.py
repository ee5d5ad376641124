"""Curves of what a training logged, also where it was stopped."""
import json

import pytest

from mmocr_kd.measure.curves import read_curves
from mmocr_kd.measure.curves_plot import draw_curves


def line(step, loss=1., epoch=None, **fields):
    counted = dict(epoch=epoch, iter=step) if epoch else {}
    return dict(lr=.1, data_time=0., loss=loss, loss_kd=loss / 2, time=2., step=step, **counted,
                **fields)


def write(folder, name, lines, cut=False):
    path = folder / name / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    text = '\n'.join(map(json.dumps, lines))
    path.write_text(text[:-9] if cut else text + '\n')


def test_numbers_are_sorted_by_what_they_are(tmp_path):
    write(tmp_path, '1', [line(5, 4., weight_term0=.5, grad_norm=3.), line(10, 2.),
                          {'icdar/hmean': .25, 'data_time': .1, 'time': .3, 'step': 10}])
    curves = read_curves(tmp_path)
    assert curves.losses == {'loss': {5: 4., 10: 2.}, 'loss_kd': {5: 2., 10: 1.}}
    assert curves.weights == {'weight_term0': {5: .5}}
    assert curves.rates == {'lr': {5: .1, 10: .1}, 'grad_norm': {5: 3.}}
    assert curves.scores == {'icdar/hmean': {10: .25}}
    assert curves.train_seconds() == 10 * 2.


def test_scores_stand_at_the_end_of_their_epoch(tmp_path):
    write(tmp_path, '1', [line(5, epoch=1), line(9, epoch=1), {'acc': .1, 'step': 1},
                          line(14, epoch=2), line(18, epoch=2), {'acc': .2, 'step': 2}])
    assert read_curves(tmp_path).scores == {'acc': {9: .1, 18: .2}}


def test_what_was_trained_again_counts(tmp_path):
    write(tmp_path, '20260101_1', [line(5, 4.), line(10, 3.), line(15, 9.)], cut=True)
    write(tmp_path, '20260101_2', [line(10, 2.), line(15, 1.)])
    assert read_curves(tmp_path).losses['loss'] == {5: 4., 10: 2., 15: 1.}


def test_another_training_in_the_same_folder_is_forgotten(tmp_path):
    write(tmp_path, '20260101_1', [line(5, 4.), line(10, 3.), line(15, 3.)])
    write(tmp_path, '20260101_2', [{'acc': .1, 'step': 1}])  # a test
    write(tmp_path, '20260101_3', [line(5, 2.), line(10, 1.)])
    curves = read_curves(tmp_path)
    assert curves.losses['loss'] == {5: 2., 10: 1.} and not curves.scores


def test_what_is_no_training_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='give the folder of a training'):
        read_curves(tmp_path)
    write(tmp_path, '1', [line(5)])
    path = tmp_path / '1' / 'vis_data' / 'scalars.json'
    path.write_text('{"loss": \n' + path.read_text())
    with pytest.raises(ValueError, match='scalars.json., line 1, is no JSON'):
        read_curves(tmp_path)


def test_a_picture_for_each_kind_of_curve(tmp_path):
    write(tmp_path / 'a', '1', [line(5, 4.), line(10, 2.), {'acc': .1, 'step': 10}])
    write(tmp_path / 'b', '1', [line(5, 3.), {'acc': .3, 'step': 5}])
    curves, plain = read_curves(tmp_path / 'a'), read_curves(tmp_path / 'b')
    pictures = draw_curves(curves, plain)
    assert list(pictures) == ['Scores on validation data', 'Losses', 'Learning rate and others']
    assert all(text.startswith('<svg') for text in pictures.values())
    assert len(pictures['Losses']) > len(draw_curves(curves)['Losses'])
    assert draw_curves(curves) == draw_curves(curves)  # the same file again
