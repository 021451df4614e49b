"""What a study will cost, before anything of it runs: FLOPs counted on shapes, seconds from a probe or a table of devices."""
