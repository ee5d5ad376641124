"""MATRN in its official layout, written anew for tests: keys and computation of the original."""
import torch
from reference_abinet import Language, PositionAttention, Positions, Vision
from torch import nn


class Fusion(nn.Module):

    def __init__(self, width, heads=8, inner=28, layers=2, hidden=6, steps=26, size=(8, 32)):
        super().__init__()
        self.v_token = nn.Parameter(torch.empty(1, width).uniform_(-.001, .001))
        self.pos_encoder_tfm = Positions(width, size[0] * size[1])
        self.model1 = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(width, heads, inner), layers, enable_nested_tensor=False)
        self.model2_vis = PositionAttention(width, hidden, steps, size)
        self.cls_vis = nn.Linear(width, 37)
        self.cls_sem = nn.Linear(width, 37)
        self.w_att = nn.Linear(2 * width, width)
        self.cls = nn.Linear(width, 37)

    def forward(self, maps, attention, semantic):
        """Logits (N, T, 37) of the visual half, of the semantic half and of both."""
        places = self.pos_encoder_tfm.pe[:, 0]
        visual = maps.flatten(2).permute(2, 0, 1)
        semantic = (semantic + attention @ places).transpose(0, 1)
        tokens = self.model1(torch.cat([visual, semantic]))
        visual, semantic = tokens.split([len(visual), len(semantic)])
        visual, _ = self.model2_vis(visual.permute(1, 2, 0).reshape(maps.shape))
        semantic = semantic.transpose(0, 1)
        gate = self.w_att(torch.cat([visual, semantic], 2)).sigmoid()
        return (self.cls_vis(visual), self.cls_sem(semantic),
                self.cls(gate * visual + (1 - gate) * semantic))


class MATRN(nn.Module):
    """Logits of vision, last language model, and of the last fusion's two halves and whole."""

    def __init__(self, language=None, fusion=None, **vision):
        super().__init__()
        self.vision = Vision(**vision)
        width = self.vision.cls.in_features
        self.language = Language(width, **language or {})
        self.semantic_visual = Fusion(width, **fusion or {})

    def classifiers(self):
        fusion = self.semantic_visual
        return [self.vision.cls, self.language.cls, fusion.cls_vis, fusion.cls_sem, fusion.cls]

    def forward(self, images, iterations):
        vision = self.vision(images)
        logits = vision['logits']
        for _ in range(iterations):
            language = self.language(logits)
            halves = self.semantic_visual(vision['maps'], vision['attention'], language['feature'])
            logits = halves[-1]
        return vision['logits'], language['logits'], *halves
