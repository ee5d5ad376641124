"""The command itself."""
import subprocess
import sys
from importlib.metadata import entry_points

from click.testing import CliRunner

from mmocr_kd import __version__
from mmocr_kd.cli import main


def test_help_names_every_verb():
    shown = CliRunner().invoke(main, ['-h']).output
    assert all(name in shown for name, verb in main.commands.items() if not verb.hidden)


def test_console_script_is_the_same_command():
    script, = [found for found in entry_points(group='console_scripts') if found.name == 'mmocr-kd']
    assert script.load() is main


def test_runs_as_a_module():
    shown = subprocess.run([sys.executable, '-m', 'mmocr_kd', '--version'], capture_output=True,
                           text=True, timeout=600, check=True)
    assert shown.stdout.split() == ['mmocr-kd,', 'version', __version__]
