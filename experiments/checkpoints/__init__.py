"""Other people's weights: one adapter a family, a callable (path, device, world) that returns what plays a role.

    adm, adm_classifier   guided-diffusion's networks: a chain's t, eps and a learned variance; logits of noisy images
    consistency_edm       the plain EDM state dicts of the consistency models' release: ADM's U-Net, sigma
    edm, edm2             NVlabs' pickles, opened by an allow-list (safe_pickle)
    dit                   DiT's released state dicts: latents, a chain's t
    diffusers_folder      a folder of diffusers: UNet2DModel or DiTTransformer2DModel with its scheduler

Nothing that is loaded executes code. All weights are made float32. docs/checkpoints.md says what to type.
"""
