"""The task graph: each task is computed once, from recorded inputs, by recorded code. Independent of diffusion."""
