"""The command and its verbs, one file each."""
from __future__ import annotations

import click

from ..version import __version__
from .bench import bench
from .cache import cache
from .compare import compare, compare_test, score_run
from .completion import completion
from .convert_labels import convert_labels
from .demo import demo
from .diagnose import diagnose
from .distill import distill
from .doctor import doctor
from .export import export
from .models import models
from .pseudo_label import pseudo_label
from .quantize import quantize
from .rate_scales import rate_scales
from .read import read
from .report import report
from .scale_report import scale_report
from .train import test, train
from .verb import HELP, debug_option


@click.group(context_settings=HELP, params=[debug_option])
@click.version_option(__version__, prog_name='mmocr-kd')
def main() -> None:
    """Knowledge distillation for MMOCR 1.x.

    Exit codes: 0 all is well, 1 the work failed, 2 the command line is wrong, 130 Ctrl-C.
    """


main.add_command(bench)
main.add_command(cache)
main.add_command(compare)
main.add_command(compare_test)
main.add_command(completion)
main.add_command(convert_labels)
main.add_command(demo)
main.add_command(diagnose)
main.add_command(distill)
main.add_command(doctor)
main.add_command(export)
main.add_command(models)
main.add_command(pseudo_label)
main.add_command(quantize)
main.add_command(rate_scales)
main.add_command(read)
main.add_command(report)
main.add_command(scale_report)
main.add_command(score_run)
main.add_command(test)
main.add_command(train)
