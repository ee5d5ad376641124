import os
import subprocess
import sys


def test_where_it_does_not_fit_numpy_the_error_says_what_to_install(tmp_path):
    (tmp_path / 'imgaug.py').write_text('import numpy\nnumpy.gone_in_numpy_2')
    path = os.pathsep.join([str(tmp_path), os.environ.get('PYTHONPATH', '')])
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', 'import mmocr_kd'], text=True,
                          capture_output=True, env={**os.environ, 'PYTHONPATH': path})
    assert done.returncode and 'gone_in_numpy_2' in done.stderr
    assert 'pip install --force-reinstall --no-deps imaug"' in done.stderr.splitlines()[-1]
