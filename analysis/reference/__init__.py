"""Numbers that papers print, as CSV beside this file, to be set beside ours."""

from importlib import resources

import pandas as pd

NAMES = ("cfg_table1_imagenet64", "cfg_table2_imagenet128", "adm_table4_imagenet256", "published_cells")


def table(name: str) -> pd.DataFrame:
    """A published table by name; FID and Inception score are those of Inception-v3 on 50,000 samples.

    Ho & Salimans, "Classifier-Free Diffusion Guidance", 2022, arXiv 2207.12598: classifier-free guidance with continuous time in
    lambda, lambda in [-20, 20], eps-prediction, the ancestral sampler; w = 0 is the conditional model.

    cfg_table1_imagenet64   Table 1: ImageNet 64x64, v = 0.3, T = 256, 400 k training steps; columns w, p_uncond, fid, is
    cfg_table2_imagenet128  Table 2: ImageNet 128x128, v = 0.2, 2.7 M training steps; columns w, steps, fid, is
                            (`steps` is the sampler's T; the text does not say which p_uncond this model had)

    Dhariwal & Nichol, "Diffusion Models Beat GANs on Image Synthesis", 2021, arXiv 2105.05233:

    adm_table4_imagenet256  Table 4: ImageNet 256x256, classifier guidance, 250 steps; columns conditional (the base), guidance,
                            scale (0 where there is no guidance), fid, sfid, is, precision, recall

    published_cells         what is behind the headline numbers of several systems, a row for each: system, data; guidance, by our
                            name of the method; convention and scale as the source states it, and w, the same in the convention
                            of Ho & Salimans ("1 + w": scale - 1; "w": the scale; "none": 0, or -1 on an unconditional base);
                            window of noise in which it acts (empty: all); sampler, steps; features, n, labels (how classes were
                            drawn); fid, is (NaN: not printed); kind (paper, repository, or a user's reproduction), source, note.
                            "not stated" where the source does not say; what no source here states is left empty

    ValueError for any other name.
    """
    if name not in NAMES:
        raise ValueError(f"there is no reference table {name!r}: choose one of {', '.join(NAMES)}")
    with resources.files(__name__).joinpath(f"{name}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False, na_values={"scale": [""], "fid": [""], "is": [""]})
