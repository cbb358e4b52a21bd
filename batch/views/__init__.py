"""Every view, declared once, in order of dependency."""

from batch.views import cameras, crops, inventory, likeness, quality, repeats, throughput, visits
from batch.views.declare import MapView, Source, SqlView, fingerprint

VIEWS: tuple[SqlView, ...] = (
    crops.VIEW,
    quality.VIEW,
    likeness.VIEW,
    repeats.VIEW,
    cameras.VIEW,
    inventory.VIEW,
    throughput.VIEW,
    visits.VIEW,
)

__all__ = ["VIEWS", "MapView", "Source", "SqlView", "fingerprint"]
