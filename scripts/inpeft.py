"""Loads the folders beside this file with PEFT, and compares what the adapted layers make with what is expected."""

import pathlib
import sys

import peft
import torch
from peft import PeftModel
from safetensors.torch import load_file

print(f"peft {peft.__version__}, torch {torch.__version__}")
failed = 0
for folder in sorted(p for p in pathlib.Path(__file__).parent.iterdir() if p.is_dir()):
    expected = load_file(folder / "expected.safetensors")
    layers = sorted({key.split(".")[0] for key in expected})
    base = torch.nn.ModuleDict()
    for layer in layers:
        W = expected[f"{layer}.W"]
        base[layer] = torch.nn.Linear(W.shape[1], W.shape[0], bias=False)
        base[layer].weight.data = W.clone()
    model = PeftModel.from_pretrained(base, str(folder))
    worst = 0.0
    for layer in layers:
        x, y, W = (expected[f"{layer}.{name}"] for name in "xyW")
        module = model.base_model.model[layer]
        got = module(x.T).T
        plain = (got - W @ x).norm() / y.norm()
        assert plain > 1e-6, f"{folder.name}: the adapter of {layer} does nothing"
        # float32 sums of the products that make y, which may cancel.
        size = (W.abs() @ x.abs()).norm() + y.norm()
        worst = max(worst, float((got - y).norm() / (size * 2**-23 * (W.shape[1] + 8))))
    bad = not worst < 30
    failed += bad
    print(f"{'FAILED' if bad else 'ok':6} {folder.name}: {worst:.3f} of the rounding of float32")
sys.exit(failed > 0)
