import pytest
import small_models
from mmengine.config import Config
from reference_abinet import ABINet
from reference_parseq import PARSeq

from mmocr_kd.convert import convert_abinet, convert_parseq, misfits


def config(path, sizes, **fields):
    """Whole config around a small model."""
    return Config(dict(model=small_models.model_cfg(path, **{**sizes, **fields}).to_dict()))


def abinet_cfg(**fields):
    sizes = {**small_models.ABINET_SIZES, 'decoder.d_model': 32,
             'data_preprocessor.bgr_to_rgb': True}
    return config(small_models.ABINET, sizes, **fields)


@pytest.fixture(scope='module')
def abinet():
    return convert_abinet(ABINet().state_dict())


def test_finds_nothing_wrong_with_what_fits(abinet):
    assert misfits(abinet, abinet_cfg()) == []


def test_tuples_are_as_good_as_lists(abinet):
    means = (123.675, 116.28, 103.53)
    assert misfits(abinet, abinet_cfg(**{'data_preprocessor.mean': means})) == []


@pytest.mark.parametrize('field, value', [
    ('data_preprocessor.bgr_to_rgb', False), ('data_preprocessor.mean', [0., 0., 0.])])
def test_finds_settings_that_loading_does_not_show(field, value, abinet):
    wrong = misfits(abinet, abinet_cfg(**{field: value}))
    assert wrong == [f'model.{field} is {value!r}, these weights need '
                     f'{abinet.settings["model." + field]!r}']


def test_finds_a_setting_that_is_not_there(abinet):
    cfg = abinet_cfg()
    del cfg.model.data_preprocessor['bgr_to_rgb']
    assert misfits(abinet, cfg) == [
        'model.data_preprocessor.bgr_to_rgb is None, these weights need True']


def test_finds_classes_in_another_order(abinet, tmp_path):
    path = tmp_path / 'letters_first.txt'
    path.write_text('\n'.join('abcdefghijklmnopqrstuvwxyz0123456789'))
    wrong, = misfits(abinet, abinet_cfg(**{'decoder.dictionary.dict_file': str(path)}))
    assert wrong.startswith("model.decoder.dictionary has the classes ['a', 'b'")


def test_finds_an_end_that_is_elsewhere(tmp_path):
    converted = convert_parseq(PARSeq(characters=36).state_dict())
    path = tmp_path / 'characters.txt'
    path.write_text('\n'.join(converted.characters))
    fields = {key.removeprefix('model.'): value for key, value in converted.settings.items()}
    cfg = config(str(small_models.CONFIGS / 'parseq/_base_/models/parseq.py'), fields)
    cfg.model.decoder.dictionary.dict_file = str(path)
    assert misfits(converted, cfg) == []
    cfg.model.decoder.dictionary.with_start = True
    wrong = misfits(converted, cfg)
    assert wrong[0].startswith('model.decoder.dictionary has the classes')
    assert any('size mismatch for decoder.head.weight' in line for line in wrong)


def test_finds_what_does_not_load(abinet):
    wrong = misfits(abinet, abinet_cfg(**{'encoder.n_layers': 1, 'decoder.d_model': 16}))
    assert any('encoder.transformer.1.norms.0.weight' in line for line in wrong)
    assert any('size mismatch for decoder.w_att.weight' in line for line in wrong)


def test_shows_no_endless_list(abinet):
    wrong = misfits(abinet, abinet_cfg(**{'encoder.d_model': 64}))
    assert len(wrong) == 11 and wrong[-1].startswith('... and ')


@pytest.mark.parametrize('cfg', [{}, {'model': {'type': 'Any', 'student': {}, 'teacher': {}}}])
def test_asks_for_a_plain_recogniser(cfg, abinet):
    wrong, = misfits(abinet, Config(cfg))
    assert 'no plain recogniser' in wrong
