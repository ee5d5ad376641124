_base_ = ['_base_/models/parseq.py', '_base_/recipes/st_mj_20e.py']
