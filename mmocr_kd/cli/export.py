"""``mmocr-kd export``: a student for elsewhere, as an ONNX file or as a plain checkpoint."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .verb import Verb

if TYPE_CHECKING:  # "--help" should not wait for it
    from ..apis.export import Check, Export, Together


@click.command(
    cls=Verb, stopped='Nothing was written.', examples=[
        'mmocr-kd export my_config.py epoch_100.pth --out work/det.onnx',
        'mmocr-kd export my_spotter.py epoch_10.pth --out work/',
        'mmocr-kd export my_config.py epoch_100.pth --out student.pth',
        'mmocr-kd export mmocr_kd://dbnet_mobilenetv3-large_fpnc_1k_scenes --out det.onnx'])
@click.argument('config', type=click.Path())
@click.argument('checkpoint', type=click.Path(), required=False)
@click.option('--out', required=True, metavar='FILE|FOLDER', help='What to write: FILE.onnx, '
              'which "mmocr-kd read" runs without PyTorch; of a spotter FOLDER, for its det.onnx, '
              'rec.onnx and det.selector.onnx; or FILE.pth, a plain checkpoint, and FILE.py, the '
              'config to test it with.')
@click.option('--images', multiple=True, metavar='PATH', help='Photos, of words for a recogniser, '
              'a folder or a pattern: what an ONNX file is compared with PyTorch on; may be '
              "repeated [default: the config's test images, else text that is drawn].")
@click.option('--tolerance', default=1e-3, show_default=True,
              type=click.FloatRange(0, min_open=True),
              help='How much the probabilities of both may differ.')
@click.option('--peer', is_flag=True, help='Of a MutualDistiller, the second student.')
@click.option('--with-selector', is_flag=True,
              help='Of DLD, also the selector: in FILE.pth, or as FILE.selector.onnx.')
@click.option('--half', is_flag=True, help='FILE.pth: weights in half precision.')
@click.option('--cfg-options', multiple=True, metavar='KEY=VALUE',
              help='A field of the config to replace; may be repeated.')
def export(config: str, checkpoint: str | None, out: str, images: tuple[str, ...], tolerance: float,
           peer: bool, with_selector: bool, half: bool, cfg_options: tuple[str, ...]) -> None:
    """Write the student of CHECKPOINT as a file that runs elsewhere.

    CONFIG and CHECKPOINT are those of a training, or of the student alone; or CONFIG alone is the
    name of a model that comes with the package, as "mmocr-kd models" lists it. An ONNX file takes
    any number of images; all that a reader has to know stands in it. It is run in ONNX Runtime
    beside PyTorch before it is written: if both differ by more than the tolerance, nothing is
    written and the exit code is 1.
    """
    from ..apis.read_config import read_config
    from .cfg_options import parsed
    suffix = _fitting(out, half, peer or with_selector)
    if checkpoint is None:
        config, checkpoint = _ready(config)
    cfg = read_config(config, parsed(cfg_options))
    if suffix == '.onnx':
        _graph(cfg, checkpoint, Path(out), images, tolerance, peer,
               with_selector)
    elif not suffix:
        _spotter(cfg, checkpoint, Path(out), images, tolerance)
    else:
        _plain(cfg, checkpoint, Path(out), with_selector, peer, half)


def _fitting(out: str, half: bool, parts: bool) -> str:
    """Suffix of the file to write, '' of a folder; refuses options that do not go with it."""
    suffix = Path(out).suffix
    if suffix not in ('', '.onnx', '.pth') and not (out.endswith('/') or Path(out).is_dir()):
        raise click.UsageError(f'--out={out!r} must end in .onnx or .pth, or be a folder')
    if suffix != '.pth' and half:
        raise click.UsageError('--half is for --out FILE.pth')
    if suffix in ('.onnx', '.pth'):
        return suffix
    if parts:
        raise click.UsageError(f'--peer and --with-selector are for --out FILE; {out!r} is a '
                               'folder, for all graphs of a spotter')
    return ''


def _ready(name: str) -> tuple[str, str]:
    from ..apis.model_list import ready_models
    from ..apis.students import shipped
    models = {model['name']: model for model in ready_models()}
    if name not in models:
        raise click.UsageError(f'CHECKPOINT is missing: {name!r} is none of the models that come '
                               f'with the package, {", ".join(models)}')
    return str(shipped(models[name]['config'])), models[name]['file']


def _plain(cfg: Any, checkpoint: str, out: Path, with_selector: bool, peer: bool,
           half: bool) -> None:
    from ..apis.export import export_plain
    plain = export_plain(checkpoint, out, cfg, with_selector, peer, half)
    before = Path(checkpoint).stat().st_size
    plain.save(out)
    click.echo('\n'.join(plain.told(out, before)))


def _graph(cfg: Any, checkpoint: str, out: Path, images: tuple[str, ...], tolerance: float,
           peer: bool, with_selector: bool) -> None:
    from ..apis.export import export_checked, require_own_graph
    beside = out.with_suffix('.selector.onnx')
    for path in [out, beside][:1 + with_selector]:
        require_own_graph(path)
    click.echo('drawing the graph, and running it beside PyTorch ...', err=True)
    exported, check = export_checked(cfg, checkpoint, images, tolerance, peer)
    click.echo(_told(check))
    _require(check, out, tolerance)
    if with_selector:
        _selector(cfg, checkpoint, beside, images, exported, tolerance)
    exported.save(out)
    click.echo(_written(out, exported) + (f' --selector {beside}' if with_selector else ''))


def _selector(cfg: Any, checkpoint: str, beside: Path, images: tuple[str, ...],
              detector: Export, tolerance: float) -> None:
    from ..apis.export import check_together, export_selector
    selector = export_selector(cfg, checkpoint, detector)
    files = {'det': detector, 'det.selector': selector}
    together = check_together(files, selector.model, cfg, images, tolerance)
    selector.save(beside)
    click.echo(f'wrote {beside}: {_same(together)}')


def _spotter(cfg: Any, checkpoint: str, folder: Path, images: tuple[str, ...],
             tolerance: float) -> None:
    from ..apis.export import (
        check_together,
        export_spotter,
        require_own_graph,
        whole_spotter,
    )
    paths = {name: folder / f'{name}.onnx' for name in ('det', 'rec', 'det.selector')}
    for path in paths.values():
        require_own_graph(path)
    whole = whole_spotter(cfg, checkpoint)
    click.echo('drawing the graphs, and running them beside PyTorch ...', err=True)
    files, checks = export_spotter(cfg, checkpoint, whole, images, tolerance)
    for name, check in checks.items():
        click.echo(f'{name}: {_told(check)}')
        _require(check, paths[name], tolerance)
    click.echo(f'together: {_same(check_together(files, whole, cfg, images, tolerance))}')
    for name, path in paths.items():
        if name in files:
            files[name].save(path)
        else:
            path.unlink(missing_ok=True)  # an earlier spotter's, which "read" would take
    written = ', '.join(str(paths[name]) for name in files)
    click.echo(f'wrote {written}. Next: mmocr-kd read PHOTOS --model {folder}')


def _require(check: Check, out: Path, tolerance: float) -> None:
    if not check.passed(tolerance):
        raise ValueError(f'{out} was not written: ONNX Runtime and PyTorch differ by more than '
                         f'--tolerance={tolerance:g}, or the reader finds other texts than MMOCR. '
                         'Give --images as the model knows them; if they differ there as well, '
                         'deploy the plain checkpoint instead, --out FILE.pth')


def _same(together: Together) -> str:
    seen = ', '.join(f'{scale:g}' for scale in together.scales)
    return (f'photos {together.source}, seen at {seen} as PyTorch does; the same {together.texts} '
            f'texts, whose scores differ by {together.scores:.1e} at most')


def _told(check: Check) -> str:
    shape = 'x'.join(map(str, check.batch_shape))
    return (f'{check.images} images {check.source}. Largest difference of probabilities: '
            f'{check.outputs:.1e}; of a batch {shape}: {check.batch:.1e}.\n'
            f'Normalised pixels differ by {check.inputs:.1e} on average; the reader finds '
            f'{check.answers - check.wrong} of {check.answers} texts as MMOCR does')


def _written(out: Path, exported: Export) -> str:
    option = {'detection': '--det', 'recognition': '--rec'}[exported.about['task']]
    return (f'wrote {out}: {exported.about["model"]}, {out.stat().st_size / 1e6:.2f} MB. Next: '
            f'mmocr-kd read PHOTOS {option} {out}')
