"""Engines that run a view's declaration. `embedded` is the default and needs no JVM."""
