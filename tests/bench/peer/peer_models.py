"""The models of models.ts in plain PyTorch, written from their figures with random weights."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

RANK = 16
# text encoders: width, layers, heads
FULL_TEXTS = {"sd15": [(768, 12, 12)], "sdxl": [(768, 12, 12), (1280, 32, 20)]}
TINY_TEXTS = {"sd15": [(64, 2, 1)], "sdxl": [(64, 2, 1), (64, 2, 1)]}
FULL_VAE, TINY_VAE = (128, 256, 512, 512), (32, 32, 32, 32)


class Config:
    def __init__(self, size, widths, depths, middle, context, head, linear, vector, blocks=2):
        self.size, self.widths, self.depths, self.middle, self.context = size, widths, depths, middle, context
        self.heads = lambda width: width // head if head else 8
        self.linear, self.vector, self.blocks = linear, vector, blocks


FULL = {
    "sd15": Config(64, (320, 640, 1280, 1280), (1, 1, 1, 0), 1, 768, 0, False, 0),
    "sdxl": Config(128, (320, 640, 1280), (0, 2, 10), 10, 2048, 64, True, 2816),
}
TINY = {
    "sd15": Config(8, (32, 64), (1, 1), 1, 64, 0, False, 0, 1),
    "sdxl": Config(16, (64, 128), (0, 1), 1, 64, 64, True, 32, 1),
}


def conv(a, b, k=3, stride=1):
    return nn.Conv2d(a, b, k, stride, k // 2)


class Resnet(nn.Module):
    def __init__(self, a, b, time_width, eps=1e-5):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(32, a, eps), conv(a, b)
        self.time = nn.Linear(time_width, b) if time_width else None
        self.norm2, self.conv2 = nn.GroupNorm(32, b, eps), conv(b, b)
        self.skip = conv(a, b, 1) if a != b else nn.Identity()

    def forward(self, x, t=None):
        h = self.conv1(F.silu(self.norm1(x)))
        if self.time is not None:
            h = h + self.time(F.silu(t))[:, :, None, None]
        return self.skip(x) + self.conv2(F.silu(self.norm2(h)))


class Attention(nn.Module):
    def __init__(self, width, context, heads):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width, bias=False)
        self.k, self.v = (nn.Linear(context, width, bias=False) for _ in range(2))
        self.out = nn.Linear(width, width)

    def forward(self, x, context):
        b, n, c = x.shape
        split = lambda y: y.view(b, -1, self.heads, c // self.heads).transpose(1, 2)
        h = F.scaled_dot_product_attention(split(self.q(x)), split(self.k(context)), split(self.v(context)))
        return self.out(h.transpose(1, 2).reshape(b, n, c))


class Block(nn.Module):
    def __init__(self, width, context, heads):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attn1, self.attn2 = Attention(width, width, heads), Attention(width, context, heads)
        self.ff1, self.ff2 = nn.Linear(width, 8 * width), nn.Linear(4 * width, width)

    def forward(self, h, context):
        y = self.norms[0](h)
        h = h + self.attn1(y, y)
        h = h + self.attn2(self.norms[1](h), context)
        a, gate = self.ff1(self.norms[2](h)).chunk(2, -1)
        return h + self.ff2(a * F.gelu(gate))


class Transformer(nn.Module):
    recompute = False

    def __init__(self, width, depth, c):
        super().__init__()
        self.norm, self.linear = nn.GroupNorm(32, width, 1e-6), c.linear
        make = (lambda: nn.Linear(width, width)) if c.linear else (lambda: conv(width, width, 1))
        self.proj_in, self.proj_out = make(), make()
        self.blocks = nn.ModuleList(Block(width, c.context, c.heads(width)) for _ in range(depth))

    def forward(self, x, context):
        b, c, height, width = x.shape
        flat = lambda h: h.permute(0, 2, 3, 1).reshape(b, height * width, c)
        square = lambda h: h.view(b, height, width, c).permute(0, 3, 1, 2)
        h = self.proj_in(flat(self.norm(x))) if self.linear else flat(self.proj_in(self.norm(x)))
        for block in self.blocks:
            h = checkpoint(block, h, context, use_reentrant=False) if self.recompute else block(h, context)
        return x + (square(self.proj_out(h)) if self.linear else self.proj_out(square(h)))


class UNet(nn.Module):
    def __init__(self, c):
        super().__init__()
        base, last = c.widths[0], len(c.widths) - 1
        t = 4 * base
        self.time = nn.Sequential(nn.Linear(base, t), nn.SiLU(), nn.Linear(t, t))
        self.label = nn.Sequential(nn.Linear(c.vector, t), nn.SiLU(), nn.Linear(t, t)) if c.vector else None
        self.conv_in = conv(4, base)
        self.down, self.up, skips, width = nn.ModuleList(), nn.ModuleList(), [base], base
        attend = lambda level, out: [Transformer(out, c.depths[level], c)] if c.depths[level] else []
        for level, out in enumerate(c.widths):
            for _ in range(c.blocks):
                self.down.append(nn.ModuleList([Resnet(width, out, t)] + attend(level, out)))
                skips.append(width := out)
            if level < last:
                self.down.append(nn.ModuleList([conv(out, out, 3, 2)]))
                skips.append(out)
        self.middle = nn.ModuleList([Resnet(width, width, t), Transformer(width, c.middle, c), Resnet(width, width, t)])
        for level, out in reversed(list(enumerate(c.widths))):
            for i in range(c.blocks + 1):
                parts = [Resnet(width + skips.pop(), out, t)] + attend(level, out)
                grow = [nn.Upsample(scale_factor=2), conv(out, out)] if level and i == c.blocks else []
                self.up.append(nn.ModuleList(parts + grow))
                width = out
        self.norm, self.conv_out = nn.GroupNorm(32, base), conv(base, 4)

    def run(self, parts, h, t, context):
        for part in parts:
            more = (t,) if isinstance(part, Resnet) else (context,) if isinstance(part, Transformer) else ()
            h = part(h, *more)
        return h

    def forward(self, x, sinusoids, context, vector=None):
        t = self.time(sinusoids)
        if self.label is not None:
            t = t + self.label(vector)
        h = self.conv_in(x)
        skips = [h]
        for parts in self.down:
            skips.append(h := self.run(parts, h, t, context))
        h = self.run(self.middle, h, t, context)
        for parts in self.up:
            h = self.run(parts, torch.cat([h, skips.pop()], 1), t, context)
        return self.conv_out(F.silu(self.norm(h)))


class Lora(nn.Module):
    """A frozen layer plus down and up factors in float32, as networks.lora wraps it; pure: cast by hand, for no autocast."""

    def __init__(self, base):
        super().__init__()
        self.base, self.pure = base, False
        if isinstance(base, nn.Linear):
            shapes = (RANK, base.in_features), (base.out_features, RANK)
        else:
            shapes = (RANK, base.in_channels, 1, 1), (base.out_channels, RANK, 1, 1)
        self.down = nn.Parameter(torch.randn(shapes[0], dtype=torch.float32) / RANK)
        self.up = nn.Parameter(torch.zeros(shapes[1], dtype=torch.float32))

    def forward(self, x):
        down, up = (self.down.to(x.dtype), self.up.to(x.dtype)) if self.pure else (self.down, self.up)
        layer = F.linear if down.dim() == 2 else F.conv2d
        return self.base(x) + layer(layer(x, down), up)


def add_lora(model):
    made = []
    for module in [m for m in model.modules() if isinstance(m, (Transformer, Block, Attention))]:
        for name, child in list(module.named_children()):
            if isinstance(child, (nn.Linear, nn.Conv2d)):
                setattr(module, name, lora := Lora(child))
                made.append(lora)
    return made


class TextLayer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2, self.heads = nn.LayerNorm(width), nn.LayerNorm(width), heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.ff1, self.ff2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(h.transpose(1, 2).reshape(b, n, c))
        h = self.ff1(self.norm2(x))
        return x + self.ff2(h * torch.sigmoid(1.702 * h))


class TextEncoder(nn.Module):
    """CLIP's: (N, 77) ids -> (N, 77, width)."""

    def __init__(self, width, layers, heads):
        super().__init__()
        self.words, self.places = nn.Embedding(49408, width), nn.Parameter(torch.zeros(77, width))
        self.layers, self.norm = nn.Sequential(*(TextLayer(width, heads) for _ in range(layers))), nn.LayerNorm(width)

    def forward(self, ids):
        return self.norm(self.layers(self.words(ids) + self.places))


def text_encoders(name, tiny):
    return nn.ModuleList(TextEncoder(*sizes) for sizes in (TINY_TEXTS if tiny else FULL_TEXTS)[name])


class MidAttention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.GroupNorm(32, width, 1e-6)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        b, c, height, width = x.shape
        h = self.norm(x).permute(0, 2, 3, 1).reshape(b, 1, height * width, c)
        h = self.out(F.scaled_dot_product_attention(self.q(h), self.k(h), self.v(h)))
        return x + h.view(b, height, width, c).permute(0, 3, 1, 2)


def decoder(tiny):
    widths = TINY_VAE if tiny else FULL_VAE
    top = width = widths[-1]
    ends = Resnet(top, top, 0, 1e-6), Resnet(top, top, 0, 1e-6)
    parts = [conv(4, 4, 1), conv(4, top), ends[0], MidAttention(top), ends[1]]
    for level, out in reversed(list(enumerate(widths))):
        for _ in range(2 if tiny else 3):
            parts.append(Resnet(width, out, 0, 1e-6))
            width = out
        if level:
            parts += [nn.Upsample(scale_factor=2), conv(out, out)]
    return nn.Sequential(*parts, nn.GroupNorm(32, widths[0], 1e-6), nn.SiLU(), conv(widths[0], 3))
