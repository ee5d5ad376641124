_base_ = ['_base_/models/parseq-tiny.py', '_base_/recipes/st_mj_20e.py']
