"""What the server imports that worker processes are forked from: all that takes long, so that a worker starts in a moment."""

import sklearn.datasets  # noqa: F401
