"""Other people's sampling loops beside ours: the same network, levels, noise, guidance and clipping, each by its usual route.

A family is a module with  systems(task) -> {(kind, system): a function that makes x}; kind: conditional, cfg or classifier. It is
imported in a process of its own, so that nobody's settings of allocator or threads are another's.
"""
