"""Files of weights: reading, detection of their content, tensor names, conversion."""
