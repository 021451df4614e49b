"""What is made once, of what, and by which code. It knows nothing of diffusion."""
