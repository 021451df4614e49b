"""The GPU's noise without a GPU: Triton's interpreter runs the kernel on CPU tensors, and its compiler makes code for one."""

import os
import re
import subprocess
import sys

import pytest

pytest.importorskip("triton")

INTERPRETED = """
import torch
from guidance.noise import SampleNoise, kernel_agrees
from guidance.normals import grouped
from guidance.philox import key
from guidance.philox_kernel import normals

indices = torch.tensor([5, 6, 0, 2**40, 7, 8])
for numbers, group in ((1, 256), (2, 128), (3, 85), (64, 4), (75, 3), (300, 1), (1025, 1)):
    for seed, part in ((0, 0), (2**62 + 12345, 3)):
        made = grouped(key("sample", seed), indices, part, group, numbers)
        for place in {0, group // 2, group - 1}:
            found = normals(key("sample", seed), indices, part, place, group, numbers)
            close = (found - made[place]).abs() <= 1.2e-7 * found.abs()
            assert close.all() and (found != made[place]).float().mean() < 1e-2, (numbers, seed, part, place)
assert normals(key("sample", 0), indices[:0], 0, 0, 1, 300).shape == (0, 300)

here, there = (SampleNoise(1, range(3, 8), (5, 5)) for _ in range(2))
there.on_device = True
for _ in range(23):
    torch.testing.assert_close(there(), here(), rtol=1.2e-7, atol=0)
there.indices += 2
torch.testing.assert_close(there.at(4)[:-2], here.at(4)[2:], rtol=1.2e-7, atol=0)
assert kernel_agrees(torch.device("cpu"))
print("the same")
"""


@pytest.mark.slow
def test_the_interpreted_kernel_makes_the_noise_of_the_cpu():
    """In a process of its own, since Triton decides at its import."""
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, "-c", INTERPRETED], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "the same\n", done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("ones", [(), ("blocks", "each", "span", "count", "numbers")], ids=["images", "one number"])
def test_the_kernel_compiles_for_nvidia_and_computes_in_float64(capability, ones, monkeypatch, tmp_path):
    """Triton bakes arguments that are 1 into the code. What is of float32 is the last rounding alone."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from guidance.philox_kernel import LANES, _normals

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    types = {"out": "*fp32", "indices": "*i64", "key": "*i64", "LANES": "constexpr"}
    types = {name: "constexpr" if name in ones else types.get(name, "i32") for name in _normals.arg_names}
    source = ASTSource(fn=_normals, signature=types, constexprs={"LANES": LANES, **dict.fromkeys(ones, 1)})
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"enable_fp_fusion": False})
    code = compiled.asm["ptx"]
    assert compiled.asm["cubin"]
    assert set(re.findall(r"\S*\.f32\S*", code)) == {"cvt.rn.f32.f64"}
    assert "0d3E1921FB54442D18" in code, "2 pi / 2^32 to the last of 53 bits"
    assert re.search(r"mul\.hi\.u64", code) and not re.search(r"(sin|cos|lg2|sqrt)\.approx", code)
