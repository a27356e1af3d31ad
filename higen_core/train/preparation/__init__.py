"""Videos turned into shards of clips, on this machine or on a cluster."""
