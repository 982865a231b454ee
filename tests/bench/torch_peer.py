"""PyTorch's side of `deno task bench`: SD1.5's U-Net, a LoRA step on it and its VAE decoder, written from the model's
figure with plain modules and random weights. Prints one JSON object: seconds (best of the repeats) and peak memory.

usage: python torch_peer.py unet|step|decode f32|bf16 threads repeats
"""

import json
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

WIDTHS, CONTEXT, HEADS = (320, 640, 1280, 1280), 768, 8


def conv(a, b, k=3, stride=1):
    return nn.Conv2d(a, b, k, stride, k // 2)


class Resnet(nn.Module):
    def __init__(self, a, b, time_width=1280, eps=1e-5):
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
    def __init__(self, width, context):
        super().__init__()
        self.q = nn.Linear(width, width, bias=False)
        self.k, self.v = (nn.Linear(context, width, bias=False) for _ in range(2))
        self.out = nn.Linear(width, width)

    def forward(self, x, context):
        b, n, c = x.shape
        split = lambda y: y.view(b, -1, HEADS, c // HEADS).transpose(1, 2)
        h = F.scaled_dot_product_attention(split(self.q(x)), split(self.k(context)), split(self.v(context)))
        return self.out(h.transpose(1, 2).reshape(b, n, c))


class Transformer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.GroupNorm(32, width, 1e-6)
        self.proj_in, self.proj_out = conv(width, width, 1), conv(width, width, 1)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attn1, self.attn2 = Attention(width, width), Attention(width, CONTEXT)
        self.ff1, self.ff2 = nn.Linear(width, 8 * width), nn.Linear(4 * width, width)

    def forward(self, x, context):
        b, c, height, width = x.shape
        h = self.proj_in(self.norm(x)).permute(0, 2, 3, 1).reshape(b, height * width, c)
        y = self.norms[0](h)
        h = h + self.attn1(y, y)
        h = h + self.attn2(self.norms[1](h), context)
        a, gate = self.ff1(self.norms[2](h)).chunk(2, -1)
        h = h + self.ff2(a * F.gelu(gate))
        return x + self.proj_out(h.view(b, height, width, c).permute(0, 3, 1, 2))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(320, 1280), nn.SiLU(), nn.Linear(1280, 1280))
        self.conv_in = conv(4, 320)
        self.down, self.up, skips, width = nn.ModuleList(), nn.ModuleList(), [320], 320
        for level, out in enumerate(WIDTHS):
            for _ in range(2):
                self.down.append(nn.ModuleList([Resnet(width, out)] + ([Transformer(out)] if level < 3 else [])))
                skips.append(width := out)
            if level < 3:
                self.down.append(nn.ModuleList([conv(out, out, 3, 2)]))
                skips.append(out)
        self.middle = nn.ModuleList([Resnet(1280, 1280), Transformer(1280), Resnet(1280, 1280)])
        for level, out in reversed(list(enumerate(WIDTHS))):
            for i in range(3):
                parts = [Resnet(width + skips.pop(), out)] + ([Transformer(out)] if level < 3 else [])
                self.up.append(nn.ModuleList(parts + ([nn.Upsample(scale_factor=2), conv(out, out)] if level and i == 2 else [])))
                width = out
        self.norm, self.conv_out = nn.GroupNorm(32, 320), conv(320, 4)

    def run(self, parts, h, t, context):
        for part in parts:
            if isinstance(part, Resnet):
                h = part(h, t)
            elif isinstance(part, Transformer):
                h = part(h, context)
            else:
                h = part(h)
        return h

    def forward(self, x, sinusoids, context):
        t = self.time(sinusoids)
        h = self.conv_in(x)
        skips = [h]
        for parts in self.down:
            skips.append(h := self.run(parts, h, t, context))
        h = self.run(self.middle, h, t, context)
        for parts in self.up:
            h = self.run(parts, torch.cat([h, skips.pop()], 1), t, context)
        return self.conv_out(F.silu(self.norm(h)))


class Lora(nn.Module):
    """A frozen layer plus rank-16 down and up factors, as networks.lora wraps it."""

    def __init__(self, base, rank=16):
        super().__init__()
        self.base = base
        if isinstance(base, nn.Linear):
            self.down, self.up = nn.Linear(base.in_features, rank, bias=False), nn.Linear(rank, base.out_features, bias=False)
        else:
            self.down = nn.Conv2d(base.in_channels, rank, 1, bias=False)
            self.up = nn.Conv2d(rank, base.out_channels, 1, bias=False)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


def add_lora(model):
    for module in [m for m in model.modules() if isinstance(m, (Transformer, Attention))]:
        for name, child in list(module.named_children()):
            if isinstance(child, (nn.Linear, nn.Conv2d)):
                setattr(module, name, Lora(child))


class MidAttention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.GroupNorm(32, width, 1e-6)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x, _=None):
        b, c, height, width = x.shape
        h = self.norm(x).permute(0, 2, 3, 1).reshape(b, 1, height * width, c)
        h = self.out(F.scaled_dot_product_attention(self.q(h), self.k(h), self.v(h)))
        return x + h.view(b, height, width, c).permute(0, 3, 1, 2)


def decoder():
    parts, width = [conv(4, 4, 1), conv(4, 512), Resnet(512, 512, 0, 1e-6), MidAttention(512), Resnet(512, 512, 0, 1e-6)], 512
    for level, out in reversed(list(enumerate((128, 256, 512, 512)))):
        for _ in range(3):
            parts.append(Resnet(width, out, 0, 1e-6))
            width = out
        if level:
            parts += [nn.Upsample(scale_factor=2), conv(out, out)]
    return nn.Sequential(*parts, nn.GroupNorm(32, 128, 1e-6), nn.SiLU(), conv(128, 3))


def main():
    what, dtype, threads, repeats = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    dt = torch.float32 if dtype == "f32" else torch.bfloat16
    model = (decoder() if what == "decode" else UNet()).requires_grad_(False).to(dt).to(memory_format=torch.channels_last)
    latents = torch.randn(1, 4, 64, 64).to(dt).contiguous(memory_format=torch.channels_last)
    sinusoids, context = torch.randn(1, 320).to(dt), torch.randn(1, 77, CONTEXT).to(dt)
    if what == "step":
        add_lora(model)
        trained = [p for m in model.modules() if isinstance(m, Lora) for p in (*m.down.parameters(), *m.up.parameters())]
        for p in trained:
            p.data = p.data.float()
            p.requires_grad_(True)
        optimizer = torch.optim.AdamW(trained, lr=1e-4)
        target = torch.randn(1, 4, 64, 64)

    def once():
        if what == "step":
            with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bf16"):
                loss = F.mse_loss(model(latents, sinusoids, context).float(), target)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        else:
            with torch.no_grad():
                model(latents) if what == "decode" else model(latents, sinusoids, context)

    once()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        once()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": min(seconds), "all": seconds, "peakBytes": peak, "version": torch.__version__}))


main()
