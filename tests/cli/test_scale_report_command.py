"""``mmocr-kd scale-report``: from files to words."""
import pytest
import tiny_ratings
from click.testing import CliRunner

from mmocr_kd.cli import main
from mmocr_kd.measure import ImageRating, RatingsFile


def write(path, hits, thresholds=(.3, .5), **changed):
    """Ratings of images by what is found at each scale; nothing at the other threshold."""
    about = {**vars(tiny_ratings.header(thresholds=list(thresholds))), **changed}
    costs = {name: about.pop(name) for name in ('size', 'macs', 'ms')}
    with RatingsFile(path, about, lambda: costs) as file:
        for i, found in enumerate(hits):
            file.write(ImageRating(f'{i}.png', 4, [[0, hit] for hit in found], [[0, 0]] * 3, 20.))
    return str(path)


@pytest.fixture
def ratings(tmp_path):
    return write(tmp_path / 'test.jsonl', [[4, 4, 4], [0, 1, 4]] * 6, split='test')


def run(*args):
    return CliRunner().invoke(main, ['scale-report', *args])


def test_words_picture_and_table(ratings, tmp_path):
    files = [str(tmp_path / name) for name in ('frontier.png', 'frontier.csv')]
    shown = run(ratings, '--plot', files[0], '--csv', files[1])
    assert shown.exit_code == 0, shown.output
    assert "12 images of 'test' with 48 words" in shown.output
    assert 'score threshold 0.5' in shown.output and 'Worth a selector' in shown.output
    assert all(f'written: {path}' in shown.output for path in files)
    assert open(files[0], 'rb').read(4) == b'\x89PNG'
    assert open(files[1]).readline().startswith('curve,unit,cost,hmean')


def test_thresholds_are_of_validation_or_given(ratings, tmp_path):
    validation = write(tmp_path / 'val.jsonl', [[4, 4, 4], [0, 1, 4]])
    assert 'score threshold 0.3' in run(ratings, '--threshold', '.3').output
    lines = open(validation).read()
    (tmp_path / 'val.jsonl').write_text(lines.replace('[[0, 4], [0, 4], [0, 4]]',
                                                      '[[4, 0], [4, 0], [4, 0]]'))
    shown = run(ratings, '--validation', validation)
    assert 'score threshold 0.3' in shown.output, shown.output
    assert '| 1 | 0.000 |' in shown.output  # nothing was found there


def test_other_models_stand_beside(ratings, tmp_path):
    other = write(tmp_path / 'other.jsonl', [[3, 3, 3]] * 12)
    assert '| sharp crops | hmean' in run(ratings, '--beside', 'sharp crops', other).output


def test_what_is_wrong_is_said_in_one_line(ratings, tmp_path):
    other = write(tmp_path / 'other.jsonl', [[3, 3, 3]] * 3, thresholds=[.3, .6])
    for args, says in [
            (['gone.jsonl'], 'gone.jsonl'),
            ([ratings, '--threshold', '.7'], 'threshold=0.7 was not rated'),
            ([ratings, '--beside', 'other', other], 'threshold=0.5 was not rated'),
            ([ratings, '--plot', str(tmp_path / 'x.nonsense')], 'nonsense'),
            ([ratings, '--selector', 'gone.py', 'gone.pth'], 'gone.py')]:
        shown = run(*args)
        assert shown.exit_code == 1 and says in shown.output, shown.output
        assert 'Traceback' not in shown.output
