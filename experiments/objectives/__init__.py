"""What a network learns, one file per objective: the losses of a batch, the metrics on the test set, the roles it then plays.

An objective is a value with
  build(network, world)                        the module, of a network value
  losses(module, images, world, size, g, device)   losses (size,) of a batch, all its randomness from the CPU generator g
  draw(images, world, size, g), losses_of(module, world, *rows)   optional, of losses that are each row's own (objectives.batches)
  test_metrics(module, data, world, device)    what is recorded of the test set: {metric: number, or {lambda: number}}
  play(role, module, world, rows)              the roles of methods that the trained module plays, by name
  trial(world)                                 inputs of two samples, for a dry run of the network
and one that learns from other tasks (experiments.objectives.distilling) also
  refuses(world, network)                      why it cannot train this network on this world, in one line, or None
  opened(store, device)                        the objective with what those tasks made; its `begin(module)` sets first weights
  of_seed(seed, density)                       the objective whose tasks are of a further seed
"""
