"""Every view, declared once, in order of dependency."""

from batch.views import crops, inventory, quality, throughput, visits
from batch.views.declare import MapView, Source, SqlView, fingerprint

VIEWS: tuple[SqlView, ...] = (crops.VIEW, quality.VIEW, inventory.VIEW, throughput.VIEW, visits.VIEW)

__all__ = ["VIEWS", "MapView", "Source", "SqlView", "fingerprint"]
