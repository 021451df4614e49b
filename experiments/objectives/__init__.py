"""What a network learns, a file each: the losses of a batch, what is recorded on held-out data, and the roles it then plays.

An objective is a value with
  build(network, world)                        the module, of a network value
  losses(module, images, world, size, g, device)   losses (size,) of a batch, all its randomness from the CPU generator g
  held_out(module, data, world, device)        what is recorded: {metric: number, or {lambda: number}}
  play(role, module, world, rows)              the roles of methods that the trained module plays, by name
  trial(world)                                 inputs of two samples, to see whether a network takes them
"""
