# Self-distillation: MaskET from the moving average of the student itself, no other model needed.
_base_ = ['dbnet_mobilenetv3-small_fpnc_1e_embedded.py', '_base_/distill/masket.py']

_base_.custom_hooks[0].teacher = dict(type='EMATeacher', momentum=0.99)
custom_hooks = [*_base_.custom_hooks, dict(type='EMATeacherHook')]
