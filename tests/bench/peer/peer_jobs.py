"""The jobs of measure.ts in PyTorch: each gives the function that is timed."""

import torch
import torch.nn.functional as F
from torch import nn

import peer_models as models
import peer_optimizers
from peer_models import UNet, add_lora, decoder
from peer_setup import CONFIGS, CUDA, DEVICE, DTYPE, PICTURE_STEPS, STEPS, TINY, channels_last, on_device, options, random


class Jobs:
    def __init__(self, name):
        self.name, self.c = name, CONFIGS[name]
        self.unet = self.vae = self.loras = None

    def inputs(self, batch):
        c = self.c
        x = channels_last(random(batch, 4, c.size, c.size))
        rest = [random(batch, c.widths[0]), random(batch, 77, c.context)]
        return [x, *rest] + ([random(batch, c.vector)] if c.vector else [])

    def model(self, compiled):
        if self.unet is None:
            self.unet = on_device(lambda: UNet(self.c))
        return torch.compile(self.unet) if compiled else self.unet

    def forward(self, batch, compiled, _):
        model, inputs = self.model(compiled), self.inputs(batch)
        return torch.no_grad()(lambda: model(*inputs))

    def decode(self, batch, compiled, _):
        self.vae = self.vae or on_device(lambda: decoder(TINY))
        model, (x, *_rest) = torch.compile(self.vae) if compiled else self.vae, self.inputs(batch)
        return torch.no_grad()(lambda: model(x))

    def sampled(self, batch, compiled, steps):
        """Steps of a sampler with classifier-free guidance, all on the device; of a context where one is given."""
        model, (noise, t, own, *vector) = self.model(compiled), self.inputs(2 * batch)

        def once(context=own):
            x = noise[:batch]
            for _ in range(steps):
                negative, positive = model(channels_last(torch.cat([x, x])), t, context, *vector).chunk(2)
                x = x + 0.1 * (negative + 7.5 * (positive - negative)) + 0.1 * torch.randn_like(x)
            return x

        return torch.no_grad()(once)

    def draw(self, batch, compiled, _):
        return self.sampled(batch, compiled, STEPS)

    def picture(self, batch, compiled, _):
        """Prompt and negative prompt encoded, PICTURE_STEPS steps, decoded."""
        self.vae = self.vae or on_device(lambda: decoder(TINY))
        encoders = on_device(lambda: models.text_encoders(self.name, TINY))
        ids, sample = torch.randint(49408, (2, 77), device=DEVICE), self.sampled(batch, compiled, PICTURE_STEPS)

        @torch.no_grad()
        def once():
            texts = torch.cat([encode(ids) for encode in encoders], -1)
            return self.vae(channels_last(sample(texts.repeat_interleave(batch, 0))))

        return once

    def step(self, batch, compiled, pure, recompute=False):
        model = self.model(False)
        if self.loras is None:
            with torch.device(DEVICE):
                self.loras = add_lora(model)
        models.Transformer.recompute = recompute
        for lora in self.loras:
            lora.pure = pure
            nn.init.zeros_(lora.up)
        trained = [p for lora in self.loras for p in (lora.down, lora.up)]
        # fused, and capturable so that a graph may hold it
        rate = torch.tensor(1e-4, device=DEVICE) if CUDA else 1e-4
        optimizer = torch.optim.AdamW(trained, lr=rate, fused=CUDA, capturable=CUDA)
        inputs = self.inputs(batch)
        target = torch.randn(inputs[0].shape, device=DEVICE)
        run = torch.compile(model) if compiled else model

        def once():
            for p in trained:
                p.grad = None
            autocast = DTYPE != torch.float32 and not pure
            with torch.autocast(DEVICE, torch.bfloat16, enabled=autocast, cache_enabled=False):
                loss = F.mse_loss(run(*inputs).float(), target)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()

        return once

    def recompute(self, batch, compiled, pure):
        return self.step(batch, compiled, pure, True)

    def full(self, batch, compiled, _):
        """All weights, held in float32, under autocast."""
        self.unet = UNet(self.c).to(DEVICE, memory_format=torch.channels_last)
        trained = list(self.unet.parameters())
        optimizer = torch.optim.AdamW(trained, lr=1e-5, fused=True)
        inputs, target = [x.float() for x in self.inputs(batch)], torch.randn(batch, 4, self.c.size, self.c.size, device=DEVICE)

        def once():
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(DEVICE, torch.bfloat16, enabled=DTYPE != torch.float32):
                loss = F.mse_loss(self.unet(*inputs).float(), target)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()

        return once

    def update(self, name):
        """The norm of the gradients, clipping and a step over all weights of the U-Net."""
        trained, room = [], options.lanes
        for p in UNet(self.c).to(DEVICE).parameters():
            if p.numel() <= room:
                trained.append(p.requires_grad_())
                room -= p.numel()
        for p in trained:
            p.grad = torch.full_like(p, 1e-3)
        step = peer_optimizers.MAKERS[name](trained)

        def once():
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            step()

        return once
