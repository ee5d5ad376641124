import os
import subprocess
import sys
from importlib.metadata import version


def test_without_libgl_the_error_says_what_to_install(tmp_path):
    (tmp_path / 'cv2.py').write_text('raise ImportError("libGL.so.1: cannot open")')
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', 'import mmocr_kd'], text=True,
                          capture_output=True, env={**os.environ, 'PYTHONPATH': str(tmp_path)})
    assert done.returncode and 'libGL.so.1: cannot open' in done.stderr
    assert f'opencv-python-headless=={version("opencv-python")}' in done.stderr.splitlines()[-1]
