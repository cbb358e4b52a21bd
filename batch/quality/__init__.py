"""The quality model: good photos damaged in known ways, measured, fitted, and reported on beside its peers."""
