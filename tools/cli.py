"""Every verb of "mmocr-kd" by way of OpenMIM: mim run mmocr_kd cli doctor."""
from mmocr_kd.cli import main

if __name__ == '__main__':
    main(prog_name='mim run mmocr_kd cli')
