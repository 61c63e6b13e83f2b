"""Second stage: content, pixel and adversarial terms against a discriminator.

One discriminator forward of the fake batch serves both updates. The generator's update needs its
gradient with respect to the image, the discriminator's with respect to the weights, and both start
from the same logits of the same weights: so the graph is kept and walked twice. The usual form
runs the fake batch forward a second time for the same numbers. Where the generator's loss is
relativistic, the HR batch's forward comes first too and serves both updates in the same way.

Each term is differentiated with respect to SR as soon as its value is there, and its graph is
freed; the generator's graph is walked once, from the sum of those gradients. That bounds memory
by the largest network instead of their sum, and the norms of the parts come for free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from srbench.errors import ContractError, UserError
from srbench.train.adversarial_losses import adversarial_loss
from srbench.train.average import take_in
from srbench.train.checkpoint import CheckpointFolder
from srbench.train.game import Batch, discriminator_health, gradient_health
from srbench.train.loop import Loop
from srbench.train.micro_batch import MicroBatch, combined, micro_batches
from srbench.train.objective import Part, part_of, pixel_loss
from srbench.train.offset import Corner, corner_of, cut
from srbench.train.runtime import Placement, session
from srbench.train.schedule import learning_rate, set_learning_rate
from srbench.train.settings import AdversarialSettings, RuntimeSettings
from srbench.train.stage import Hooks, Sampler, StageResult


class AdversarialStep:
    """One update of the generator and one of the discriminator.

    Terms, in the order in which a step computes them: ``sr`` (Euclidean norm of the SR batch, to
    tell a broken generator from a broken loss); for each part of the objective its weighted value
    and ``<part>_gradient``, the Euclidean norm of its gradient with respect to SR; and
    ``discriminator``, the discriminator's loss; in float16 ``skipped``, 1 where the gradients of a
    network overflowed and that network was left as it was.
    """

    name = "adversarial"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        content_loss: nn.Module | None,
        settings: AdversarialSettings,
        placement: Placement,
    ) -> None:
        self._settings = settings
        self._adversarial_loss = adversarial_loss(settings.adversarial_loss)
        self._placement = placement
        self.generator = placement.module(generator).train()
        self.discriminator = placement.module(discriminator).train()
        self._generate = placement.forward(self.generator)
        # Never compiled: a compiled backward computes the weights' gradients in the generator's
        # update too, which asks for the image's alone (1.16 times the discriminator's operations).
        self._discriminate = self.discriminator
        self._use_content = content_loss is not None and settings.content_factor > 0
        if content_loss is not None and self._use_content:
            self._content_loss = placement.forward(placement.module(content_loss))
        self._optimisers = tuple(
            placement.adam(network, settings.learning_rate, settings.betas)
            for network in (generator, discriminator)
        )
        self._scaling = placement.scaling()
        self._update = placement.update(self._plain_update, *self._optimisers)
        self._average = AveragedModel(generator) if settings.average_decay else None
        self._discriminator_weights = list(discriminator.parameters())
        self._kept: dict[str, Any] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_optimiser": self._optimisers[0],
            "discriminator_optimiser": self._optimisers[1],
            "scaling": self._scaling,
            **({} if self._average is None else {"average": self._average}),
        }
        self.terms: tuple[str, ...] = self._term_names()

    @property
    def result(self) -> nn.Module:
        """What is validated and kept: the average of the generator's weights where one is taken."""
        return self.generator if self._average is None else self._average.module

    def _term_names(self) -> tuple[str, ...]:
        parts = []
        if self._use_content:
            parts.append("content")
        if self._settings.pixel_weight:
            parts.append("pixel")
        if self._settings.adversarial_weight:
            parts.append("adversarial")
        if not parts:
            raise UserError(
                "expected an objective with at least one term, got all weights 0",
                "raise content_weight, pixel_weight or adversarial_weight",
            )
        names = ["sr", *(name for part in parts for name in (part, f"{part}_gradient"))]
        if "adversarial" in parts:
            names.append("discriminator")
        return (*names, "skipped") if self._scaling.is_enabled() else tuple(names)

    def __call__(self, lr: Tensor, hr: Tensor, iteration: int) -> Tensor:
        """Update on ``lr (N, 3, h, w)`` and ``hr``; the values of ``terms``, not awaited."""
        rate, relative = self._rate(iteration), self._settings.discriminator_relative_rate
        for optimiser, factor in zip(self._optimisers, (1.0, relative), strict=True):
            set_learning_rate(optimiser, factor * rate)
        values = self._update(lr, hr, *corner_of(iteration, self._settings.random_offset))
        if self._average is not None:
            take_in(self._average, self.generator, self._settings.average_decay)
        return values

    def _plain_update(self, lr: Tensor, hr: Tensor, *corner: Any) -> Tensor:
        for optimiser in self._optimisers:
            optimiser.zero_grad(set_to_none=True)
        values = [
            self._accumulate(part, corner)
            for part in micro_batches(lr, hr, self._settings.micro_batches)
        ]
        for optimiser in self._optimisers[: 2 if self._settings.adversarial_weight else 1]:
            self._scaling.step(optimiser)
        names = self.terms[: len(values[0])]
        norms = [name == "sr" or name.endswith("_gradient") for name in names]
        return self._scaling.updated(combined(values, norms=norms))

    def _accumulate(self, batch: MicroBatch, corner: Corner) -> Tensor:
        """Add a part of the batch to the gradients of both networks; its share of the terms."""
        with self._placement.networks():
            sr = self._generate(batch.lr)
        limit = self._settings.random_offset
        sr = cut(sr.float(), corner, limit)
        batch = batch._replace(hr=cut(batch.hr, corner, limit))
        image = sr.detach().requires_grad_()
        parts = []
        if self._use_content:
            parts.append(self._content(image, batch))
        if self._settings.pixel_weight:
            parts.append(self._pixel(image, batch))
        fake_logits = real_logits = None
        if self._settings.adversarial_weight:
            with self._placement.networks():
                fake_logits = self._discriminate(image)
                if self._adversarial_loss.relativistic:
                    real_logits = self._discriminate(batch.hr)
            parts.append(self._adversarial(image, real_logits, fake_logits, batch))
        self._backward_generator(sr, parts)
        values = [torch.linalg.vector_norm(image.detach())]
        for part in parts:
            values += [part.value, self._scaling.norm(part.gradient)]
        if fake_logits is not None:
            values.append(self._backward_discriminator(batch, real_logits, fake_logits))
        return torch.stack(values)

    def _content(self, image: Tensor, batch: MicroBatch) -> Part:
        with self._placement.losses():
            value = self._content_loss(image, batch.hr)
        if value.ndim:
            raise ContractError(
                f"expected a content loss that returns a scalar, got shape {tuple(value.shape)}",
                "return the mean over the batch",
            )
        weighted = batch.scaled(self._settings.content_factor * value.float())
        return part_of("content", weighted, image, self._scaling)

    def _pixel(self, image: Tensor, batch: MicroBatch) -> Part:
        value = pixel_loss(image, batch.hr, self._settings.pixel_loss)
        weighted = batch.scaled(self._settings.pixel_weight * value)
        return part_of("pixel", weighted, image, self._scaling)

    def _adversarial(
        self, image: Tensor, real_logits: Tensor | None, fake_logits: Tensor, batch: MicroBatch
    ) -> Part:
        real = fake_logits if real_logits is None else real_logits
        # Only the image's gradient is asked for: no weight gradient is computed here. The graph
        # stays for the discriminator's update.
        weighted = batch.scaled(self._adversarial_value(real, fake_logits))
        return part_of("adversarial", weighted, image, self._scaling, retain_graph=True)

    def _backward_generator(self, sr: Tensor, parts: list[Part]) -> None:
        # Last part first: the order in which autograd adds the branches of one objective, so that
        # the sum has the same bits.
        gradient = parts[-1].gradient
        for part in reversed(parts[:-1]):
            gradient = gradient + part.gradient
        sr.backward(gradient)  # type: ignore[no-untyped-call]

    def _backward_discriminator(
        self, batch: MicroBatch, real_logits: Tensor | None, fake_logits: Tensor
    ) -> Tensor:
        if real_logits is None:
            # A forward of its own: BatchNorm must see HR and SR batches apart.
            with self._placement.networks():
                real_logits = self._discriminate(batch.hr)
        loss = self._adversarial_loss.discriminator(real_logits.float(), fake_logits.float())
        loss = batch.scaled(loss)
        torch.autograd.backward(self._scaling.scale(loss), inputs=self._discriminator_weights)
        return loss.detach()

    def summary(self, means: dict[str, float], iteration: int) -> dict[str, float]:
        """The means without ``sr``, the whole ``objective``, the rate, and the ratio of gradients.

        ``content_to_adversarial`` is the norm of the content part's gradient with respect to SR
        over the adversarial part's; left out where the latter is 0.
        """
        values = {name: value for name, value in means.items() if name != "sr"}
        parts = [values[name] for name in ("content", "pixel", "adversarial") if name in values]
        values["objective"] = sum(parts)
        adversarial = values.get("adversarial_gradient", 0.0)
        if "content_gradient" in values and adversarial > 0:
            values["content_to_adversarial"] = values["content_gradient"] / adversarial
        values["learning_rate"] = self._rate(iteration)
        return values

    def examine(self, batches: Sequence[Batch]) -> dict[str, float]:
        """The health of the game on fixed ``batches``; nothing changes (``srbench.train.game``)."""
        weight, critic = self._settings.adversarial_weight, self._adversarial_loss.discriminator
        networks = (self.generator, self.discriminator)
        game = discriminator_health(*networks, batches, critic) if weight else {}
        return game | gradient_health(
            *networks,
            batches,
            content=self._content_term if self._use_content else None,
            adversarial=self._adversarial_term if weight else None,
        )

    def _content_term(self, sr: Tensor, hr: Tensor) -> Tensor:
        return self._settings.content_factor * self._content_loss(sr, hr)

    def _adversarial_term(self, sr: Tensor, hr: Tensor) -> Tensor:
        fake = self._discriminate(sr)
        relativistic = self._adversarial_loss.relativistic
        return self._adversarial_value(self._discriminate(hr) if relativistic else fake, fake)

    def _adversarial_value(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        value = self._adversarial_loss.generator(real_logits.detach().float(), fake_logits.float())
        return self._settings.adversarial_weight * value

    def state_dict(self) -> dict[str, Any]:
        """Networks, optimisers and scaling, and the average where one is taken."""
        return {name: dict(part.state_dict()) for name, part in self._kept.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint; those of before have no scaling."""
        for name, part in self._kept.items():
            part.load_state_dict(state.get(name, {}))

    def _rate(self, iteration: int) -> float:
        s = self._settings
        return learning_rate(
            iteration, initial=s.learning_rate, milestones=s.milestones, gamma=s.gamma
        )


def run_adversarial(
    generator: nn.Module,
    discriminator: nn.Module,
    content_loss: nn.Module | None,
    sampler: Sampler,
    settings: AdversarialSettings,
    runtime: RuntimeSettings,
    *,
    seed: int,
    checkpoints: CheckpointFolder,
    hooks: Hooks | None = None,
) -> StageResult:
    """Train ``generator`` and ``discriminator`` in place, from the newest checkpoint if any.

    Args:
        generator: with the warm start's weights; left on the runtime's device, in eval mode, with
            the averaged weights where the settings ask for an average.
        content_loss: frozen, ``forward(sr, hr) -> scalar``; ``None``: no content term.
        seed: of the global random states during the stage.
        checkpoints: of this job; holds the finished state too, until it is cleared.

    Raises:
        NonFiniteLoss: a term, or its gradient, went NaN or infinite.
        ContractError: the content loss returns no scalar or no gradient.
        CheckpointError: a checkpoint could not be written, or belongs to other work.
        UserError: all weights are 0.
    """
    with session(runtime, seed=seed) as placement:
        step = AdversarialStep(generator, discriminator, content_loss, settings, placement)
        loop = Loop(
            step, sampler, settings, placement=placement, checkpoints=checkpoints, hooks=hooks
        )
        result = loop.run()
        if step.result is not generator:
            generator.load_state_dict(step.result.state_dict())
        return result
