"""The motion and appearance cues: drawn as curves, measured on videos, blended, plotted."""
