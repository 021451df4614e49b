"""Feature networks: pretrained, frozen, never trained in a study. By name: experiments.registry.FEATURES."""
