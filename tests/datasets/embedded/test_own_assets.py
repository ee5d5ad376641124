"""Scenes on photos, in fonts, with words of the user's; annotated by words or by lines."""
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from shapely.geometry import Polygon

from mmocr_kd.datasets.embedded import (
    EmbeddedTextDetDataset,
    EmbeddedTextRecogDataset,
    SceneSpec,
    assets,
    block,
    render_scene,
)
from mmocr_kd.datasets.embedded.backend import image_path, render_path
from mmocr_kd.datasets.embedded.lexicon import draw_chinese
from mmocr_kd.datasets.embedded.plan import plan_scene

FONTS = assets.package_folder('matplotlib') / 'mpl-data/fonts/ttf'


@pytest.fixture
def own(tmp_path):
    """A red photo and fonts in folders of folders, and two words."""
    for name in ('photos/of-a/day', 'fonts/some'):
        (tmp_path / name).mkdir(parents=True)
    Image.new('RGB', (200, 150), (200, 0, 0)).save(tmp_path / 'photos/of-a/day/1.png')
    for face in ('DejaVuSans', 'STIXSizOneSymReg'):  # the latter has no letters
        shutil.copy(FONTS / f'{face}.ttf', tmp_path / 'fonts/some')
    (tmp_path / 'words.txt').write_text('Käse\n\n 24-b \n', 'utf-8')
    return dict(photos=str(tmp_path / 'photos'), fonts=str(tmp_path / 'fonts'),
                words=str(tmp_path / 'words.txt'))


def test_a_path_renders_them_wherever_it_is_read(own):
    spec = SceneSpec(image_size=(128, 96), text_height=(12, 20), difficulty=0., **own)
    index = next(index for index in range(9) if plan_scene(spec, index).words)
    scene = render_scene(spec, index)
    np.testing.assert_array_equal(render_path(image_path(spec, index)), scene.image)
    assert {word.text for word in scene.words} <= {'Käse', '24-b'}
    assert {placed.block.face for placed in plan_scene(spec, index).blocks} == {
        f'{own["fonts"]}/some/DejaVuSans.ttf'}
    red = np.median(scene.image, (0, 1))
    assert red[2] > red[0] + 50 and red[2] > red[1] + 50


def test_each_alone_leaves_the_rest_as_it_was(own):
    for name, path in own.items():
        plan = plan_scene(SceneSpec(**{name: path}), 3)
        faces = {placed.block.face in assets.FACES for placed in plan.blocks}
        assert (plan.photo in assets.PHOTOS['train']) == (name != 'photos')
        assert faces == {name != 'fonts'}
        assert ({word.text for word in plan.words} <= {'Käse', '24-b', '###'}) == (name == 'words')


def test_large_photos_are_shrunk_and_turned_upright(tmp_path):
    photo = Image.new('RGB', (3300, 400), (0, 0, 255))
    photo.paste((255, 255, 255), (0, 0, 1600, 400))
    exif = Image.Exif()
    exif[0x0112] = 6  # the left is the top
    photo.save(tmp_path / '1.jpg', exif=exif)
    image = assets.load_photo(assets.photos_of(SceneSpec(photos=str(tmp_path)))[0])
    assert image.shape[0] == 1600 and 190 <= image.shape[1] <= 200
    assert image[10].mean() > 250 and image[-10, :, 1].mean() < 5


def test_a_line_is_its_words():
    # Seen from the front: else far words of a line may be too small to read, and it is not.
    words = SceneSpec(num_blocks=(6, 6), image_size=(400, 400), text_height=(12, 30), difficulty=0)
    lines = replace(words, unit='line')
    for index in range(6):
        one, other = render_scene(words, index), render_scene(lines, index)
        np.testing.assert_array_equal(one.image, other.image)
        rest = list(one.words)
        for line in other.words:
            count = line.text.count(' ') + 1
            assert line.text == ' '.join(word.text for word in rest[:count])
            for word in rest[:count]:
                assert Polygon(line.quad).buffer(.1).contains(Polygon(word.quad))
            del rest[:count]
        assert not rest


def test_data_sets_of_lines():
    found = EmbeddedTextDetDataset(4, unit='line'), EmbeddedTextDetDataset(4)
    assert len(found[0][0]['instances']) < len(found[1][0]['instances'])
    texts = [sample['instances'][0]['text'] for sample in EmbeddedTextRecogDataset(4, unit='line')]
    assert any(' ' in text for text in texts)


def test_fonts_that_have_chinese_set_it_in_two_of_three_blocks(own, monkeypatch):
    monkeypatch.setattr(block, 'draws', lambda face, text: True)
    spec, rng = SceneSpec(**own), np.random.default_rng(0)
    face, = assets.faces_of(spec)
    kinds = [block._words(rng, face, spec) is draw_chinese for _ in range(600)]
    assert .6 < np.mean(kinds) < .73
    drawn = [draw_chinese(rng) for _ in range(200)]
    assert all('\u4e00' <= char <= '\u9fff' for text in drawn for char in text)
    assert {len(text) for text in drawn} == set(range(2, 9))
    assert block._words(rng, 'DejaVuSans', spec) is not draw_chinese


def test_whether_a_font_has_a_character():
    assert assets.draws('DejaVuSans', 'aZ9é')
    assert not assets.draws('DejaVuSans', 'a\u5e97') and not assets.draws('DejaVuSans', 'a b')


@pytest.mark.parametrize('field, error, said', [
    ('photos', FileNotFoundError, 'nowhere'), ('fonts', ValueError, 'no font'),
    ('words', FileNotFoundError, 'nowhere')])
def test_what_is_not_there(tmp_path, field, error, said):
    with pytest.raises(error, match=said):
        EmbeddedTextDetDataset(1, **{field: str(tmp_path / 'nowhere')}).full_init()


def test_an_empty_file_of_words(tmp_path):
    (tmp_path / 'words.txt').write_text('\n \n')
    with pytest.raises(ValueError, match='is empty: a word a line'):
        EmbeddedTextDetDataset(1, words=str(tmp_path / 'words.txt'))
