"""What LoRAs teach mini in minutes: a path that it does not know, and an object that it does not know."""
