"""Ground truth as it is sent: read item by item, checked, and recorded part by part."""
