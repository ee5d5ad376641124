# Collaborative mutual learning, as PaddleOCR has it: mutual learning, and MaskET for both students
# from the teacher of the MaskET run on the embedded data.
_base_ = 'dbnet_mobilenetv3-small_fpnc_mutual_1e_embedded.py'

model = dict(
    teacher=dict(
        config='{{ fileDirname }}/dbnet_mobilenetv3-large_fpnc_1e_embedded-12k.py',
        checkpoint='mmocr_kd://dbnet_mobilenetv3-large_fpnc_1e_embedded-12k'),
    teacher_terms=[
        dict(
            loss=dict(
                type='MaskETLoss',
                entropy_weight=1.0,
                kd_weight=1.0,
                distance='l2',
                temperature=1.0,
                mask='text',
                reduction='mask',
                include_ignored=False),
            source='text_logits')
    ])
