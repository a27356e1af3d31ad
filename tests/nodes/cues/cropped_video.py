"""A cropped video, in the way of versions of ComfyUI later than 0.33.0."""

from comfy_api.latest import InputImpl


class CroppedVideo(InputImpl.VideoFromFile):
    """The left half of a video file."""

    as_cropped = None

    def get_dimensions(self):
        width, height = super().get_dimensions()
        return width // 2, height

    def get_components(self):
        components = super().get_components()
        components.images = components.images[:, :, : components.images.shape[2] // 2]
        return components
