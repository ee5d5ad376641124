"""LMDB files of words, written without the package."""
import cv2
import lmdb
import numpy as np

TEXTS = ('one', 'Two', "it's", 'four', 'five', 'six')


def image(number, size=(24, 40), channels=3):
    """A smooth image that tells its number."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 256, (*size, channels), dtype=np.uint8)
    return cv2.GaussianBlur(pixels, (0, 0), 1.5)


def png(pixels):
    return cv2.imencode('.png', pixels)[1].tobytes()


def write(path, records):
    """Write keys and values to an LMDB folder; None leaves a key out."""
    with lmdb.open(str(path), map_size=1 << 24) as env, env.begin(write=True) as transaction:
        for key, value in records.items():
            if value is not None:
                transaction.put(key.encode(), value)
    return path


def words(path, texts=TEXTS, **changes):
    """MMOCR's layout, keys counted from 1. ``changes`` maps keys with '_' to other values."""
    records = {'num-samples': b'%d' % len(texts)}
    for number, text in enumerate(texts, 1):
        records[f'image-{number:09d}'] = png(image(number))
        records[f'label-{number:09d}'] = text.encode()
    return write(path, _changed(records, changes))


def pairs(path, texts=TEXTS, **changes):
    """TextZoom's layout: photos of different sizes; the large one has number + 1000."""
    records = {'num-samples': b'%d' % len(texts)}
    for number, text in enumerate(texts, 1):
        records[f'image_lr-{number:09d}'] = png(image(number, (12, 20 + number)))
        records[f'image_hr-{number:09d}'] = png(image(number + 1000, (24, 40 + number)))
        records[f'label-{number:09d}'] = text.encode()
    return write(path, _changed(records, changes))


def _changed(records, changes):
    """``image_lr_3=b''`` changes record 3; ``num_samples`` their number."""
    for name, value in changes.items():
        prefix, _, number = name.rpartition('_')
        records['num-samples' if name == 'num_samples' else f'{prefix}-{int(number):09d}'] = value
    return records
