"""The task graph: what is computed once, from which inputs, by which code. Independent of diffusion."""
