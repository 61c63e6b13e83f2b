"""srbench's losses inside other trainers: the packages themselves, in an environment apart."""

import json
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.network]

PAGE = Path(__file__).parents[2] / "docs" / "your-trainer.md"
PACKAGES = (
    "basicsr==1.4.2", "addict", "lmdb", "opencv-python-headless", "pyyaml", "requests", "tqdm",
    "yapf", "future", "lightning", "pytorch-lightning", "lightning-utilities", "torchmetrics",
)  # fmt: skip

BASICSR = """
import json, sys
import torch, yaml
SHIM
import srbench.adapters.basicsr
from basicsr.models import build_model

torch.manual_seed(0)
options = yaml.safe_load(open("options.yml"))
model = build_model(options)
before = [p.detach().clone() for p in model.net_g.parameters()]
content = []
for iteration in range(1, 11):
    hr = torch.rand(2, 3, 128, 128)
    lr = torch.nn.functional.avg_pool2d(hr, 4)
    model.feed_data({"lq": lr, "gt": hr})
    model.optimize_parameters(iteration)
    content.append(model.get_current_log()["l_g_percep"])
moved = max(float((a - b).abs().max()) for a, b in zip(before, model.net_g.parameters()))
loss = model.cri_perceptual
direct = float(loss.loss(model.output.detach(), model.gt))
print(json.dumps({
    "content": content, "moved": moved, "type": type(loss).__name__,
    "trainable": sum(p.requires_grad for p in loss.parameters()),
    "weighted": [float(loss(model.output.detach(), model.gt)[0]), 0.5 * direct],
}))
"""

OPTIONS = """
model_type: SRGANModel
name: srbench
scale: 4
num_gpu: 0
dist: false
is_train: true
path: {}
network_g: {type: MSRResNet, num_in_ch: 3, num_out_ch: 3, num_feat: 8, num_block: 1, upscale: 4}
network_d: {type: VGGStyleDiscriminator, num_in_ch: 3, num_feat: 4, input_size: 128}
train:
  optim_g: {type: Adam, lr: 0.0001}
  optim_d: {type: Adam, lr: 0.0001}
  scheduler: {type: MultiStepLR, milestones: [100], gamma: 0.5}
  pixel_opt: {type: SrbenchLoss, loss: charbonnier, loss_weight: 0.01, patch_size: 128}
  perceptual_opt:
    type: SrbenchPerceptualLoss
    loss: vgg16-random,tap=conv2_2,distance=l1
    loss_weight: 0.5
    patch_size: 128
  gan_opt: {type: GANLoss, gan_type: vanilla, real_label_val: 1.0, fake_label_val: 0.0,
            loss_weight: 0.005}
"""

LIGHTNING = """
trainer = pl.Trainer(max_steps=3, logger=False, enable_checkpointing=False, barebones=True,
                     accelerator="cpu")
generator = torch.nn.Conv2d(3, 3, 3, padding=1)
before = generator.weight.detach().clone()
model = SuperResolution(generator, loss="wavelet-l1", levels=1)
pairs = [(torch.rand(3, 32, 32), torch.rand(3, 32, 32)) for _ in range(6)]
trainer.fit(model, torch.utils.data.DataLoader(pairs, batch_size=2))
assert trainer.global_step == 3
assert not torch.equal(before, generator.weight)
print("trained")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has this environment's packages, and those trainers on top of them."""
    folder = tmp_path_factory.mktemp("trainers")
    venv.create(folder, with_pip=False)
    interpreter = folder / "bin" / "python"
    places = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", vars=places))
    mine = sysconfig.get_path("purelib")
    (site / "outer.pth").write_text(f"import site; site.addsitedir({mine!r})\n")
    pip = [sys.executable, "-m", "pip", "--python", str(interpreter), "install", "--quiet"]
    done = subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", *PACKAGES],
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"the trainers cannot be installed here: {done.stderr.strip()[-300:]}")
    return interpreter


def snippet(heading: str) -> str:
    """The last Python block below a heading of the page."""
    section = PAGE.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found: str = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[-1]
    return found


def run(python: Path, program: str, folder: Path) -> str:
    done = subprocess.run(
        [str(python), "-c", program], cwd=folder, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_basicsr_trains_with_a_loss_from_its_option_file(python: Path, tmp_path: Path) -> None:
    (tmp_path / "options.yml").write_text(OPTIONS)
    told = json.loads(
        run(python, BASICSR.replace("SHIM", snippet("BasicSR")), tmp_path).splitlines()[-1]
    )
    assert len(told["content"]) == 10
    assert all(0 < value < 100 for value in told["content"])
    assert told["moved"] > 1e-4
    assert (told["type"], told["trainable"]) == ("SrbenchPerceptualLoss", 0)
    weighted, half = told["weighted"]
    assert weighted == pytest.approx(half, rel=1e-6)


def test_the_lightning_module_of_the_page_trains(python: Path, tmp_path: Path) -> None:
    said = run(python, snippet("PyTorch Lightning") + LIGHTNING, tmp_path)
    assert said.splitlines()[-1] == "trained"
