"""Known devices: what their data sheets promise. What is reached of it is an assumption, and said to be one."""

from dataclasses import dataclass

UTILISATION = 0.3  # assumed; Dhariwal & Nichol (arXiv 2105.05233) give about as much of V100s' peak for their largest networks
KERNEL = 1e-5  # seconds to launch one from eager PyTorch, assumed: small networks on a large device wait for this


@dataclass(frozen=True)
class Device:
    """Dense peak rates in FLOP/s: tf32 of float32 data (of float32 where there are no such cores), bf16 of bfloat16 (of float16
    on a V100 and a T4); memory in bytes.
    """

    name: str
    tf32: float
    bf16: float
    memory: float
    source: str


DEVICES = {
    "v100": Device("V100 SXM2 32 GB", 15.7e12, 125e12, 32e9, "NVIDIA V100 data sheet, 2020"),
    "t4": Device("T4", 8.1e12, 65e12, 16e9, "NVIDIA T4 data sheet, 2019"),
    "rtx3090": Device("GeForce RTX 3090", 35.6e12, 71e12, 24e9, "NVIDIA Ampere GA102 whitepaper, 2020"),
    "a100": Device("A100 SXM 80 GB", 156e12, 312e12, 80e9, "NVIDIA A100 data sheet, 2021"),
    "rtx4090": Device("GeForce RTX 4090", 82.6e12, 165.2e12, 24e9, "NVIDIA Ada GPU architecture whitepaper, 2022"),
    "l40s": Device("L40S", 183e12, 362e12, 48e9, "NVIDIA L40S data sheet, 2023"),
    "h100": Device("H100 SXM", 494.7e12, 989.4e12, 80e9, "NVIDIA H100 Tensor Core GPU architecture whitepaper, 2022"),
    "h200": Device("H200 SXM", 494.7e12, 989.4e12, 141e9, "NVIDIA H200 data sheet, 2023"),
    "b200": Device("B200", 1125e12, 2250e12, 180e9, "NVIDIA HGX B200 data sheet, 2024, an eighth of it"),
    "mi300x": Device("MI300X", 653.7e12, 1307.4e12, 192e9, "AMD Instinct MI300X data sheet, 2023"),
}
