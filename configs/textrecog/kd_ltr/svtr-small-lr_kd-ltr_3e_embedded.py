# As svtr-tiny-lr_kd-ltr_3e_embedded.py, one size up, where MMOCR publishes the teacher's weights.
_base_ = 'svtr-tiny-lr_kd-ltr_3e_embedded.py'

model = dict(
    student=dict(
        encoder=dict(
            embed_dims=[96, 192, 256],
            depth=[3, 6, 6],
            num_heads=[3, 6, 8],
            mixer_types=['Local'] * 8 + ['Global'] * 7)),
    teacher=dict(
        config='mmocr::textrecog/svtr/svtr-small_20e_st_mj.py',
        checkpoint='https://download.openmmlab.com/mmocr/textrecog/svtr/svtr-small_20e_st_mj/'
        'svtr-small_20e_st_mj-35d800d6.pth'))
